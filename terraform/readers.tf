# People and programs from outside who see a part of what is derived.

resource "google_storage_bucket_iam_member" "reader" {
  for_each = var.readers

  bucket = local.bucket
  role   = local.role["read"]
  member = each.value.member

  condition {
    title       = "reader-${each.key}"
    description = "Objects below ${each.value.prefix} of ${var.environment}."
    expression  = "resource.name.startsWith(\"${local.objects}${each.value.prefix}\")"
  }

  depends_on = [google_storage_bucket.this]
}

# They list below that prefix and nowhere else.
resource "google_storage_bucket_iam_member" "reader_list" {
  for_each = var.readers

  bucket = local.bucket
  role   = local.role["list"]
  member = each.value.member

  condition {
    title       = "reader-${each.key}-list"
    description = "Listings below ${each.value.prefix} of ${var.environment}."
    expression  = "api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"env/${var.environment}/${each.value.prefix}\")"
  }

  depends_on = [google_storage_bucket.this]
}
