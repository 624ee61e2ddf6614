# What the bucket tells: two configurations for each environment, of ten that a bucket may have.

resource "google_pubsub_topic" "notifications" {
  for_each = local.described.topics

  name = "${var.environment}-${each.key}"

  # Messages stay in the region of the bucket.
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this]
}

# Before the notification: Cloud Storage tries it when it is created.
resource "google_pubsub_topic_iam_member" "storage" {
  for_each = google_pubsub_topic.notifications

  topic  = each.value.name
  role   = "roles/pubsub.publisher"
  member = local.agents.storage

  depends_on = [data.google_storage_project_service_account.this]
}

# The snapshots' prefix lies inside the other one: who is fed with snapshots needs no filter.
resource "google_storage_notification" "this" {
  for_each = local.described.topics

  bucket             = local.bucket
  topic              = "//pubsub.googleapis.com/projects/${var.project_id}/topics/${var.environment}-${each.key}"
  payload_format     = "JSON_API_V1"
  event_types        = ["OBJECT_FINALIZE"]
  object_name_prefix = "env/${var.environment}/${each.value}"

  depends_on = [google_pubsub_topic_iam_member.storage, google_storage_bucket.this]
}
