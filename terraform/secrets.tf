# A secret for each name in the functions' metadata, bound to who reads it and nobody else. Values
# are put in by a person: gcloud secrets versions add NAME --data-file=-

locals {
  secrets = toset(flatten([for it in local.functions : it.secrets]))

  secret_readers = merge([
    for name, it in local.functions : {
      for secret in it.secrets : "${name}-${secret}" => { function = name, secret = secret }
    }
  ]...)
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  secret_id           = "${var.environment}-${each.key}"
  deletion_protection = var.deletion_protection

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = local.secret_readers

  secret_id = google_secret_manager_secret.this[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}

# What targets of alerts say, and the key of webhooks: made by a person, named in rules as sm://NAME, and
# read by whoever sends alerts when it sends one.
resource "google_secret_manager_secret_iam_member" "alert" {
  for_each = {
    for pair in setproduct(local.alert_senders, var.alert_secrets) : "${pair[0]}-${pair[1]}" => {
      function = pair[0], secret = pair[1]
    } if contains(keys(local.functions), pair[0])
  }

  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}
