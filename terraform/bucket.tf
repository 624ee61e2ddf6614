# The bucket. History in it is the truth; everything else is derived and can be built again.

locals {
  environments = length(var.bucket_environments) > 0 ? var.bucket_environments : [var.environment]

  # By class, where old versions are of no use after a while. History is in none of them.
  derived = ["snapshots/", "manifests/", "indices/", "reports/alerts/", "reports/quarantine/", "schemas/"]
}

resource "google_storage_bucket" "this" {
  count = var.owns_bucket ? 1 : 0

  name                        = local.bucket
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # No retention_policy: it would freeze snapshots. Who keeps a record for longer says so at the
  # object when it writes it.
  enable_object_retention = true

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * local.day
  }

  # Deleted only when both hold: newer versions enough, and old enough.
  dynamic "lifecycle_rule" {
    for_each = local.derived
    content {
      action {
        type = "Delete"
      }
      condition {
        with_state                 = "ARCHIVED"
        num_newer_versions         = var.noncurrent_versions_kept
        days_since_noncurrent_time = var.noncurrent_days
        matches_prefix             = [for env in local.environments : "env/${env}/${lifecycle_rule.value}"]
      }
    }
  }

  # What somebody needs for a moment, whatever its state.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 1
      with_state     = "ANY"
      matches_prefix = [for env in local.environments : "env/${env}/tmp/"]
    }
  }

  # A rule for each environment: a rule takes 50 prefixes.
  dynamic "lifecycle_rule" {
    for_each = local.environments
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = var.claims_days
        with_state     = "ANY"
        matches_prefix = [for segment in keys(local.kinds) : "env/${lifecycle_rule.value}/indices/${segment}/_claims/"]
      }
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  # Not under reports/, where alerts lie beside the history of reports.
  dynamic "lifecycle_rule" {
    for_each = var.history_nearline_days == null ? [] : local.environments
    content {
      action {
        type          = "SetStorageClass"
        storage_class = "NEARLINE"
      }
      condition {
        age                   = var.history_nearline_days
        matches_storage_class = ["STANDARD"]
        matches_prefix        = [for segment in keys(local.kinds) : "env/${lifecycle_rule.value}/${segment}/" if segment != "reports"]
        matches_suffix        = [".json", ".json.gz"]
      }
    }
  }

  dynamic "encryption" {
    for_each = google_kms_crypto_key_iam_member.storage
    content {
      default_kms_key_name = encryption.value.crypto_key_id
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.this]
}

resource "google_kms_key_ring" "this" {
  count = var.cmek && var.owns_bucket ? 1 : 0

  name     = "${var.environment}-strata"
  location = var.region

  depends_on = [google_project_service.this]
}

resource "google_kms_crypto_key" "bucket" {
  count = var.cmek && var.owns_bucket ? 1 : 0

  name            = "bucket"
  key_ring        = google_kms_key_ring.this[0].id
  rotation_period = "${var.cmek_rotation_days * local.day}s"

  # Objects cannot be read without it.
  lifecycle {
    prevent_destroy = true
  }
}

# Without it nothing can be written.
resource "google_kms_crypto_key_iam_member" "storage" {
  count = var.cmek && var.owns_bucket ? 1 : 0

  crypto_key_id = google_kms_crypto_key.bucket[0].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = local.agents.storage

  depends_on = [data.google_storage_project_service_account.this]
}
