# What a person is told, and where they look.

locals {
  thresholds = var.alert_thresholds
  channels   = [for it in google_monitoring_notification_channel.email : it.name]

  is_service = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = monitoring.regex.full_match(\"${var.environment}-.*\")"
  is_job     = "resource.type = \"cloud_run_job\" AND resource.labels.job_name = monitoring.regex.full_match(\"${var.environment}-.*\")"
  is_bucket  = "resource.type = \"gcs_bucket\" AND resource.labels.bucket_name = \"${local.bucket}\""
  is_pushed  = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = one_of(${join(", ", [for name in keys(local.subscriptions) : "\"${var.environment}-${name}\""])})"
  is_dead    = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = one_of(${join(", ", [for name in keys(local.subscriptions) : "\"${var.environment}-${name}-dead\""])})"

  builder = [for name, it in local.subscriptions : "${var.environment}-${name}" if startswith(name, "snapshot-builder-")]

  # Each is one threshold on one series. `wait` is how long it must hold; `period` what is taken
  # together, since the size of a bucket is measured once a day.
  alerts = {
    dead-letters = {
      title    = "dead letters are waiting"
      filter   = "metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND ${local.is_dead}"
      aligner  = "ALIGN_MAX", reducer = "REDUCE_MAX", by = "resource.label.subscription_id"
      above    = 0, wait = 0
      severity = "CRITICAL"
      then     = "A message was tried as often as it may be. Look at it without taking it: `operator dlq list --bucket ${local.bucket} --env ${var.environment} --project ${var.project_id}`; the function's log says why, and `dlq replay` has it handled. docs/deploy.md, \"Dead letters\"."
    }
    unacked = {
      title    = "the oldest message waits too long"
      filter   = "metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND ${local.is_pushed}"
      aligner  = "ALIGN_MAX", reducer = "REDUCE_MAX", by = "resource.label.subscription_id"
      above    = local.thresholds.unacked_seconds, wait = 300
      severity = "ERROR"
      then     = "The function does not keep up or refuses something again and again: its log line has `outcome`, `reason`, `object`."
    }
    errors = {
      title    = "services answer 5xx"
      filter   = "metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\" AND ${local.is_service}"
      aligner  = "ALIGN_RATE", reducer = "REDUCE_SUM", by = "resource.label.service_name"
      above    = local.thresholds.errors_per_second, wait = 600
      severity = "ERROR"
      then     = "A 503 is a delivery that is to come again. The log line has the reason."
    }
    retries = {
      title    = "pushes are repeated"
      filter   = "metric.type = \"pubsub.googleapis.com/subscription/push_request_count\" AND metric.labels.response_class != \"ack\" AND ${local.is_pushed}"
      aligner  = "ALIGN_RATE", reducer = "REDUCE_SUM", by = "resource.label.subscription_id"
      above    = local.thresholds.retries_per_second, wait = 600
      severity = "WARNING"
      then     = "Refusals slow the whole subscription down. One hot entity shows as 429 in the log."
    }
    latency = {
      title    = "handlers are slow"
      filter   = "metric.type = \"run.googleapis.com/request_latencies\" AND ${local.is_service}"
      aligner  = "ALIGN_PERCENTILE_95", reducer = "REDUCE_MAX", by = "resource.label.service_name"
      above    = local.thresholds.latency_ms, wait = 900
      severity = "WARNING"
      then     = "Above a second on average Pub/Sub does not widen the window of pushes."
    }
    snapshot-lag = {
      title    = "snapshots lag behind history"
      filter   = "metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = one_of(${join(", ", [for it in local.builder : "\"${it}\""])})"
      aligner  = "ALIGN_MAX", reducer = "REDUCE_MAX", by = "resource.label.subscription_id"
      above    = local.thresholds.lag_seconds, wait = 300
      severity = "ERROR"
      then     = "Readers see what was. Everything derived waits for the snapshot."
    }
    quarantine = {
      title    = "records are quarantined"
      filter   = "metric.type = \"logging.googleapis.com/user/${google_logging_metric.rejected.name}\" AND resource.type = \"cloud_run_revision\""
      aligner  = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = "resource.label.service_name", period = 3600
      above    = local.thresholds.quarantined_hourly, wait = 0
      severity = "ERROR"
      then     = "A writer writes what does not count: `cargo xtask quarantine list --bucket ${local.bucket} --env ${var.environment}`."
    }
    jobs = {
      title    = "a job has failed"
      filter   = "metric.type = \"run.googleapis.com/job/completed_execution_count\" AND metric.labels.result = \"failed\" AND ${local.is_job}"
      aligner  = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = "resource.label.job_name", period = 3600
      above    = 0, wait = 0
      severity = "ERROR"
      then     = "Its log says why. The operator's look and end so when they have found something: `operator reconcile --repair --bucket ${local.bucket} --env ${var.environment}` mends it, and the report of a drill names what differs. A compactor whose run was ended by another is no alarm: it is tried again."
    }
    storage = {
      title    = "the bucket grows"
      filter   = "metric.type = \"storage.googleapis.com/storage/v2/total_bytes\" AND ${local.is_bucket}"
      aligner  = "ALIGN_MAX", reducer = "REDUCE_SUM", by = "resource.label.bucket_name", period = 86400
      above    = local.thresholds.bucket_gib * 1024 * 1024 * 1024, wait = 0
      severity = "WARNING"
      then     = "Look at the types in the metric: noncurrent and soft-deleted versions are the lifecycle's, live ones are data."
    }
    objects = {
      title    = "the bucket has many objects"
      filter   = "metric.type = \"storage.googleapis.com/storage/v2/total_count\" AND ${local.is_bucket}"
      aligner  = "ALIGN_MAX", reducer = "REDUCE_SUM", by = "resource.label.bucket_name", period = 86400
      above    = local.thresholds.objects, wait = 0
      severity = "WARNING"
      then     = "Old versions of derived objects go after ${var.noncurrent_days} days; history stays."
    }
    egress = {
      title    = "much is read from outside"
      filter   = "metric.type = \"storage.googleapis.com/network/sent_bytes_count\" AND ${local.is_bucket}"
      aligner  = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = "resource.label.bucket_name", period = 3600
      above    = local.thresholds.egress_gib_hourly * 1024 * 1024 * 1024, wait = 0
      severity = "WARNING"
      then     = "Reads from the region are free, all others are paid for. Audit logs say who reads."
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  type         = "email"
  display_name = "${each.key} for strata ${var.environment}"
  labels = {
    email_address = each.key
  }

  depends_on = [google_project_service.this]
}

# Deliveries that ended in quarantine, from the functions' own log lines.
resource "google_logging_metric" "rejected" {
  name        = "strata-${var.environment}-rejected"
  description = "Deliveries that can never succeed as they are."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^${var.environment}-\" AND jsonPayload.outcome=\"rejected\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  display_name          = "strata ${var.environment}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.title
    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = "${each.value.wait}s"

      aggregations {
        alignment_period     = "${lookup(each.value, "period", 60)}s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
        group_by_fields      = [each.value.by]
      }
    }
  }

  documentation {
    content = each.value.then
  }

  alert_strategy {
    auto_close = "86400s"
  }
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "Strata ${var.environment}"
    mosaicLayout = {
      columns = 12
      tiles = [
        for at, name in sort(keys(local.alerts)) : {
          xPos = at % 2 * 6, yPos = floor(at / 2) * 4, width = 6, height = 4
          widget = {
            title = local.alerts[name].title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = local.alerts[name].filter
                    aggregation = {
                      alignmentPeriod    = "${lookup(local.alerts[name], "period", 60)}s"
                      perSeriesAligner   = local.alerts[name].aligner
                      crossSeriesReducer = local.alerts[name].reducer
                      groupByFields      = [local.alerts[name].by]
                    }
                  }
                }
              }]
              thresholds = [{ value = local.alerts[name].above }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.this]
}

resource "google_billing_budget" "this" {
  count = var.billing_account == null ? 0 : 1

  billing_account = var.billing_account
  display_name    = "strata ${var.environment}"

  budget_filter {
    projects = ["projects/${var.project_number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.budget_monthly)
    }
  }

  threshold_rules {
    threshold_percent = 0.5
  }

  threshold_rules {
    threshold_percent = 0.9
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = local.channels
  }

  depends_on = [google_project_service.this]
}
