# Who may do what. Each function has an identity and may read and write what its metadata says.

resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = "${var.environment}-${each.key}"
  display_name = "${each.key} in ${var.environment}"

  depends_on = [google_project_service.this]
}

# Who pushes is somebody else than who runs.
resource "google_service_account" "push" {
  for_each = local.services

  account_id   = "${var.environment}-push-${each.key}"
  display_name = "pushes to ${each.key} in ${var.environment}"

  depends_on = [google_project_service.this]
}

resource "google_service_account" "scheduler" {
  account_id   = "${var.environment}-scheduler"
  display_name = "starts jobs in ${var.environment}"

  depends_on = [google_project_service.this]
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = local.services

  name     = google_cloud_run_v2_service.this[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.push[each.key].member
}

# Pub/Sub signs pushes in its name.
resource "google_service_account_iam_member" "push" {
  for_each = local.services

  service_account_id = "projects/${var.project_id}/serviceAccounts/${google_service_account.push[each.key].email}"
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.agents.pubsub

  depends_on = [google_project_service_identity.pubsub]
}

# Roles with nothing to spare. To replace an object is to create and to delete.
locals {
  roles = {
    append  = ["storage.objects.create"]
    delete  = ["storage.objects.delete"]
    list    = ["storage.objects.list"]
    read    = ["storage.objects.get"]
    rewrite = ["storage.objects.get", "storage.objects.create", "storage.objects.delete"]
    write   = ["storage.objects.create", "storage.objects.delete"]
  }
}

resource "google_project_iam_custom_role" "objects" {
  for_each = local.roles

  role_id     = "strata_${var.environment}_objects_${each.key}"
  title       = "Strata ${var.environment}: objects, ${each.key}"
  description = "Only ${join(" and ", each.value)}."
  permissions = each.value

  depends_on = [google_project_service.this]
}

locals {
  role = { for action, it in google_project_iam_custom_role.objects : action => "projects/${var.project_id}/roles/${it.role_id}" }
}

# Without a condition: a listing is checked against the bucket, and without this permission the read
# of a missing object answers 403 instead of 404.
resource "google_storage_bucket_iam_member" "list" {
  for_each = local.functions

  bucket = local.bucket
  role   = local.role["list"]
  member = google_service_account.function[each.key].member

  depends_on = [google_storage_bucket.this]
}

locals {
  # Each is one binding of the bucket's policy for all members under the same condition: the size of
  # that policy has a limit, so that nothing in a condition, nor its title, is of one function.
  grants = merge(flatten([
    for name, it in local.functions : [
      for role, chunks in it.grants : {
        for title, prefixes in chunks : "${name}-${role}-${title}" => {
          function   = name
          role       = role
          title      = title
          expression = join(" || ", [for prefix in prefixes : local.clauses[prefix]])
        }
      }
    ]
  ])...)

  prefixes = distinct(flatten([
    values(local.described.history),
    [for it in local.functions : [for chunks in it.grants : values(chunks)]],
  ]))

  # An object below the prefix, and not below what lies there of another class.
  below = { for prefix in distinct(concat(local.prefixes, flatten(values(local.described.except)))) : prefix => "resource.name.startsWith(\"${local.objects}${prefix}\")" }
  clauses = {
    for prefix in local.prefixes : prefix => contains(keys(local.described.except), prefix) ? "(${join(" && !", [
      for it in concat([prefix], local.described.except[prefix]) : local.below[it]
    ])})" : local.below[prefix]
  }
}

resource "google_storage_bucket_iam_member" "grant" {
  for_each = local.grants

  bucket = local.bucket
  role   = local.role[each.value.role]
  member = google_service_account.function[each.value.function].member

  condition {
    title      = each.value.title
    expression = each.value.expression
  }

  # A changed condition is another grant: the function never lacks both.
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_storage_bucket.this]
}
