# People and programs from outside: some append history, some see a part of what is derived.

locals {
  appends = merge([
    for name, member in var.writers : {
      for title, prefixes in local.described.history : "${name}-${title}" => {
        member     = member
        title      = title
        expression = join(" || ", [for prefix in prefixes : local.clauses[prefix]])
      }
    }
  ]...)
}

# Under the same conditions as whoever else appends history, and so in the same bindings.
resource "google_storage_bucket_iam_member" "writer" {
  for_each = local.appends

  bucket = local.bucket
  role   = local.role["append"]
  member = each.value.member

  condition {
    title      = each.value.title
    expression = each.value.expression
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_storage_bucket.this]
}

resource "google_storage_bucket_iam_member" "reader" {
  for_each = var.readers

  bucket = local.bucket
  role   = local.role["read"]
  member = each.value.member

  condition {
    title      = "reader-${each.key}"
    expression = "resource.name.startsWith(\"${local.objects}${each.value.prefix}\")"
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
    title      = "reader-${each.key}-list"
    expression = "api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"env/${var.environment}/${each.value.prefix}\")"
  }

  depends_on = [google_storage_bucket.this]
}
