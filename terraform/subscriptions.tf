# One push subscription for each class that a function is fed with, and where its dead letters go.

resource "google_pubsub_subscription" "push" {
  for_each = local.subscriptions

  name   = "${var.environment}-${each.key}"
  topic  = google_pubsub_topic.notifications[each.value.topic].name
  filter = each.value.filter

  # Above the timeout of the service: an attempt has ended before another begins.
  ack_deadline_seconds       = local.described.ack_deadline_seconds
  message_retention_duration = "${var.message_retention_days * local.day}s"

  push_config {
    push_endpoint = "${local.addresses[each.value.function]}/pubsub/push"

    oidc_token {
      service_account_email = google_service_account.push[each.value.function].email
      audience              = local.addresses[each.value.function]
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = "projects/${var.project_id}/topics/${google_pubsub_topic.dead[each.key].name}"
    max_delivery_attempts = var.delivery_attempts_max
  }

  # Never: a quiet environment would lose its functions after 31 days.
  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_v2_service_iam_member.push, google_pubsub_topic_iam_member.dead]
}

# Pub/Sub takes what it moves to a dead-letter topic from the subscription.
resource "google_pubsub_subscription_iam_member" "dead" {
  for_each = google_pubsub_subscription.push

  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = local.agents.pubsub

  depends_on = [google_project_service_identity.pubsub]
}

resource "google_pubsub_topic" "dead" {
  for_each = local.subscriptions

  name = "${var.environment}-${each.key}-dead"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic_iam_member" "dead" {
  for_each = google_pubsub_topic.dead

  topic  = each.value.name
  role   = "roles/pubsub.publisher"
  member = local.agents.pubsub

  depends_on = [google_project_service_identity.pubsub]
}

# A topic without a subscription keeps nothing.
resource "google_pubsub_subscription" "dead" {
  for_each = google_pubsub_topic.dead

  name                       = each.value.name
  topic                      = each.value.name
  ack_deadline_seconds       = 60
  message_retention_duration = "${31 * local.day}s"

  expiration_policy {
    ttl = ""
  }
}
