# What the operator looks at besides the bucket, as a job: dead letters, which it can replay and drop,
# whether a subscription is paused, and what Cloud Monitoring has measured of subscriptions. To pause
# and to resume takes the right to change subscriptions and to act as the account that pushes: that
# is a person's, and no job has it.

locals {
  operates = contains(keys(local.jobs), "operator")
}

resource "google_pubsub_subscription_iam_member" "operator" {
  for_each = local.operates ? google_pubsub_subscription.dead : {}

  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.function["operator"].member
}

resource "google_pubsub_subscription_iam_member" "paused" {
  for_each = local.operates ? google_pubsub_subscription.push : {}

  subscription = each.value.name
  role         = "roles/pubsub.viewer"
  member       = google_service_account.function["operator"].member
}

# Measures belong to a project as a whole; roles/monitoring.viewer would show dashboards and alerts
# besides.
resource "google_project_iam_custom_role" "measures" {
  count = local.operates ? 1 : 0

  role_id     = "strata_${var.environment}_measures"
  title       = "Strata ${var.environment}: measures"
  description = "Only to read what Cloud Monitoring has measured."
  permissions = ["monitoring.timeSeries.list"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "measures" {
  count = local.operates ? 1 : 0

  project = var.project_id
  role    = "projects/${var.project_id}/roles/${google_project_iam_custom_role.measures[0].role_id}"
  member  = google_service_account.function["operator"].member
}

# The scratch bucket of the drill, which restores everything there as functions would.
resource "google_storage_bucket_iam_member" "drill" {
  count = local.operates && var.drill_bucket != null ? 1 : 0

  bucket = var.drill_bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.function["operator"].member
}
