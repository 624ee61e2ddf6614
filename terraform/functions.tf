# One service for each function that is pushed to, one job for each that is started.

locals {
  # What the settings of functions are called is in shared/cloud-run/src/settings.rs.
  settings = {
    BUCKET               = local.bucket
    GOOGLE_CLOUD_PROJECT = var.project_id
    LOG_LEVEL            = var.log_level
  }

  # Those of whoever sends alerts: of the function, and of the job that sends once more what has not
  # arrived. What is not set is empty, which is read as not set.
  alert_settings = {
    EGRESS_HOSTS      = join(",", var.egress_hosts)
    WEBHOOK_KEY       = var.webhook_key
    EMAIL_API         = var.email_api
    EMAIL_FROM        = var.email_from
    ALERTS_PER_MINUTE = tostring(var.alerts_per_minute)
  }
  alert_senders = toset(["alert-dispatcher", "operator"])
}

resource "google_cloud_run_v2_service" "this" {
  for_each = local.services

  name                = "${var.environment}-${each.key}"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = var.deletion_protection

  template {
    service_account                  = google_service_account.function[each.key].email
    timeout                          = "${local.described.service_timeout_seconds}s"
    max_instance_request_concurrency = each.value.concurrency
    execution_environment            = var.execution_environment

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    containers {
      image = var.images[each.key]

      ports {
        container_port = 8080
      }

      resources {
        # Processor time is paid for while a request runs; there is no work in between.
        cpu_idle          = true
        startup_cpu_boost = true
        limits = {
          cpu    = "1"
          memory = "${each.value.memory_mib}Mi"
        }
      }

      startup_probe {
        initial_delay_seconds = 0
        period_seconds        = 1
        timeout_seconds       = 1
        failure_threshold     = 20
        http_get {
          path = "/health"
        }
      }

      dynamic "env" {
        for_each = merge(local.settings, contains(local.alert_senders, each.key) ? local.alert_settings : {})
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = toset(each.value.secrets)
        content {
          name = upper(replace(env.value, "-", "_"))
          value_source {
            secret_key_ref {
              secret  = "${var.environment}-${env.value}"
              version = "latest"
            }
          }
        }
      }
    }
  }

  depends_on = [
    google_project_service.this,
    google_secret_manager_secret_iam_member.function,
    google_storage_bucket_iam_member.list,
    google_storage_bucket_iam_member.grant,
  ]
}

locals {
  # A schedule is a job with arguments of its own, so that who starts it needs no right to change
  # them. Those of the platform are in the metadata of jobs, the operator has others besides.
  runs = merge(
    { for name, it in local.jobs : name => { function = name, args = it.args, cron = null } },
    merge([
      for name, it in local.jobs : {
        for schedule, at in it.schedules : "${name}-${schedule}" => { function = name, args = at.args, cron = at.cron }
        # Without a bucket to restore into there is no drill.
        if var.drill_bucket != null || "${name}-${schedule}" != "operator-drill"
      }
    ]...),
    { for schedule, it in var.schedules : "operator-${schedule}" => { function = "operator", args = it.args, cron = it.cron } },
  )
}

resource "google_cloud_run_v2_job" "this" {
  for_each = local.runs

  name                = "${var.environment}-${each.key}"
  location            = var.region
  deletion_protection = var.deletion_protection

  template {
    task_count  = 1
    parallelism = 1

    template {
      service_account = google_service_account.function[each.value.function].email
      timeout         = "3600s"
      # A run that ended early is resumed where it was. What the operator looks at by itself ends
      # with 1 when it has found something, and would find it again.
      max_retries = each.value.function == "operator" && each.value.cron != null ? 0 : 3

      containers {
        image = var.images[each.value.function]
        args  = concat(each.value.args, ["--env", var.environment])

        resources {
          limits = {
            cpu    = "1"
            memory = "${local.jobs[each.value.function].memory_mib}Mi"
          }
        }

        dynamic "env" {
          for_each = merge(
            local.settings,
            contains(local.alert_senders, each.value.function) ? local.alert_settings : {},
            each.key == "operator-drill" ? { DRILL_BUCKET = var.drill_bucket } : {},
          )
          content {
            name  = env.key
            value = env.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this, google_storage_bucket_iam_member.grant]
}

resource "google_cloud_scheduler_job" "this" {
  for_each = { for name, it in local.runs : name => it if it.cron != null }

  name      = "${var.environment}-${each.key}"
  region    = var.region
  schedule  = each.value.cron
  time_zone = "Etc/UTC"

  retry_config {
    retry_count = 3
  }

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/projects/${var.project_id}/locations/${var.region}/jobs/${google_cloud_run_v2_job.this[each.key].name}:run"

    oauth_token {
      service_account_email = google_service_account.scheduler.email
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.scheduler]
}

resource "google_cloud_run_v2_job_iam_member" "scheduler" {
  for_each = { for name, it in local.runs : name => it if it.cron != null }

  name     = google_cloud_run_v2_job.this[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler.member
}
