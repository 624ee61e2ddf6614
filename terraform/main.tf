# What every other file uses. Read on: bucket, notifications, functions, subscriptions, identities,
# secrets, registry, bigquery, monitoring, audit, federation, readers.

locals {
  # Both are written by `cargo xtask terraform generate` and checked for drift.
  described = jsondecode(file("${path.module}/functions.json"))
  kinds     = jsondecode(file("${path.module}/kinds.json"))

  functions = local.described.functions
  services  = { for name, it in local.functions : name => it if it.kind == "push" }
  jobs      = { for name, it in local.functions : name => it if it.kind == "job" }

  # One for each class that a service is fed with.
  subscriptions = merge([
    for name, it in local.services : {
      for class, feed in it.subscriptions : "${name}-${class}" => {
        function = name
        topic    = feed.topic
        filter   = replace(feed.filter, "{env}", var.environment)
      }
    }
  ]...)

  labels = merge(var.labels, { app = "strata", environment = var.environment })

  bucket  = var.bucket_name
  objects = "projects/_/buckets/${local.bucket}/objects/env/${var.environment}/"

  # Google's own identities in this project.
  agents = {
    storage = "serviceAccount:service-${var.project_number}@gs-project-accounts.iam.gserviceaccount.com"
    pubsub  = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  }

  # Cloud Run answers at this address as soon as the service exists.
  addresses = { for name in keys(local.services) : name => "https://${var.environment}-${name}-${var.project_number}.${var.region}.run.app" }

  day = 24 * 60 * 60
}

resource "google_project_service" "this" {
  for_each = toset(concat(
    ["artifactregistry", "cloudresourcemanager", "cloudscheduler", "iam", "iamcredentials", "logging", "monitoring", "pubsub", "run", "secretmanager", "storage", "sts"],
    var.bigquery ? ["bigquery", "bigqueryconnection"] : [],
    var.bigquery && var.bigquery_load_schedule != null ? ["bigquerydatatransfer"] : [],
    var.cmek ? ["cloudkms"] : [],
    var.billing_account != null ? ["billingbudgets"] : [],
  ))

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

# Creates the identity that Cloud Storage publishes and encrypts as; nothing else does.
data "google_storage_project_service_account" "this" {
  depends_on = [google_project_service.this]
}

resource "google_project_service_identity" "pubsub" {
  provider = google-beta
  service  = "pubsub.googleapis.com"

  depends_on = [google_project_service.this]
}
