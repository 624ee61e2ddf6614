# Where images are pushed: cargo xtask image --push REGION-docker.pkg.dev/PROJECT/strata

resource "google_artifact_registry_repository" "this" {
  count = var.owns_project ? 1 : 0

  repository_id = "strata"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of functions, with their SBOM and provenance."

  # A rollback needs the images before, each with what is attached to it.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 60
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "${90 * local.day}s"
    }
  }

  depends_on = [google_project_service.this]
}

# Environments in projects of their own run the same images: what runs them there, and what deploys
# them, reads this registry.
resource "google_artifact_registry_repository_iam_member" "reader" {
  for_each = var.owns_project ? var.image_readers : toset([])

  repository = google_artifact_registry_repository.this[0].repository_id
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = each.key
}
