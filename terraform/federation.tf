# Workflows of one repository may plan from any branch. They deploy from the main one, in a job of
# GitHub's environment of the same name: whoever has to approve there has approved. No keys.

locals {
  federated = var.github_repository != null && var.owns_project

  ci = !local.federated ? {} : {
    plan = {
      attribute = "repository/${var.github_repository}"
      roles = [
        "artifactregistry.reader", "bigquery.metadataViewer", "cloudkms.viewer", "cloudscheduler.viewer",
        "iam.securityReviewer", "iam.workloadIdentityPoolViewer", "logging.viewer", "monitoring.viewer",
        "pubsub.viewer", "run.viewer", "secretmanager.viewer", "serviceusage.serviceUsageViewer",
      ]
    }
    deploy = {
      attribute = "deploys/${var.github_repository}@refs/heads/main:${var.environment}"
      roles = [
        "artifactregistry.admin", "bigquery.admin", "cloudkms.admin", "cloudscheduler.admin",
        "iam.roleAdmin", "iam.serviceAccountAdmin", "iam.serviceAccountUser",
        "iam.workloadIdentityPoolAdmin", "logging.configWriter", "monitoring.admin", "pubsub.admin",
        "resourcemanager.projectIamAdmin", "run.admin", "serviceusage.serviceUsageAdmin",
      ]
    }
  }

  ci_roles = merge([
    for name, it in local.ci : { for role in it.roles : "${name}-${role}" => { name = name, role = role } }
  ]...)
}

resource "google_iam_workload_identity_pool" "ci" {
  count = local.federated ? 1 : 0

  workload_identity_pool_id = "${var.environment}-github"
  display_name              = "GitHub"
  description               = "Workflows of ${var.github_repository}."

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "ci" {
  count = local.federated ? 1 : 0

  workload_identity_pool_id          = google_iam_workload_identity_pool.ci[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub"
  # Anybody's workflow has a token of this issuer.
  attribute_condition = "assertion.repository == '${var.github_repository}'"

  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
    # A job without an environment has no such claim.
    "attribute.deploys" = "assertion.repository + '@' + assertion.ref + ':' + (has(assertion.environment) ? assertion.environment : '')"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "ci" {
  for_each = local.ci

  account_id   = "${var.environment}-ci-${each.key}"
  display_name = "${each.key} from ${var.github_repository}"

  depends_on = [google_project_service.this]
}

resource "google_service_account_iam_member" "ci" {
  for_each = local.ci

  service_account_id = "projects/${var.project_id}/serviceAccounts/${google_service_account.ci[each.key].email}"
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools/${google_iam_workload_identity_pool.ci[0].workload_identity_pool_id}/attribute.${each.value.attribute}"
}

resource "google_project_iam_member" "ci" {
  for_each = local.ci_roles

  project = var.project_id
  role    = "roles/${each.value.role}"
  member  = google_service_account.ci[each.value.name].member
}

# Buckets without their objects, secrets without their values, and what the roles to look with lack:
# a plan reads everything that is there.
locals {
  ci_permissions = !local.federated ? {} : {
    plan = [
      "bigquery.connections.get", "bigquery.transfers.get", "iam.roles.get", "iam.serviceAccounts.get",
      "storage.buckets.get", "storage.buckets.getIamPolicy",
    ]
    deploy = [
      "secretmanager.secrets.create", "secretmanager.secrets.delete", "secretmanager.secrets.get",
      "secretmanager.secrets.getIamPolicy", "secretmanager.secrets.list", "secretmanager.secrets.setIamPolicy",
      "secretmanager.secrets.update", "storage.buckets.create", "storage.buckets.get",
      "storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy", "storage.buckets.update",
    ]
  }
}

resource "google_project_iam_custom_role" "ci" {
  for_each = local.ci_permissions

  role_id     = "strata_${var.environment}_ci_${each.key}"
  title       = "Strata ${var.environment}: buckets and secrets, without what is in them"
  description = "What the workflow that does ${each.key} needs besides roles of Google's."
  permissions = each.value

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "ci_custom" {
  for_each = google_project_iam_custom_role.ci

  project = var.project_id
  role    = "projects/${var.project_id}/roles/${each.value.role_id}"
  member  = google_service_account.ci[each.key].member
}

# The smoke test after a deployment: one venture whose id begins with smoke-, and what follows from it.
locals {
  smoke = !local.federated ? {} : {
    append = ["ventures/smoke-"]
    read   = ["snapshots/ventures/smoke-", "manifests/ventures/by-id/smoke-", "indices/ventures/"]
  }
}

resource "google_storage_bucket_iam_member" "smoke" {
  for_each = local.smoke

  bucket = local.bucket
  role   = local.role[each.key]
  member = google_service_account.ci["deploy"].member

  condition {
    title      = "smoke-${each.key}"
    expression = join(" || ", [for prefix in each.value : "resource.name.startsWith(\"${local.objects}${prefix}\")"])
  }

  depends_on = [google_storage_bucket.this]
}

# It waits for what is not there yet, and that answers 404 only to who may list.
resource "google_storage_bucket_iam_member" "smoke_list" {
  count = local.federated ? 1 : 0

  bucket = local.bucket
  role   = local.role["list"]
  member = google_service_account.ci["deploy"].member

  depends_on = [google_storage_bucket.this]
}
