# Who read and wrote objects, functions left out: each event takes a dozen operations of theirs.

resource "google_project_iam_audit_config" "storage" {
  count = var.audit_logs && var.owns_project ? 1 : 0

  project = var.project_id
  service = "storage.googleapis.com"

  dynamic "audit_log_config" {
    for_each = ["DATA_READ", "DATA_WRITE"]
    content {
      log_type         = audit_log_config.value
      exempted_members = [for it in google_service_account.function : it.member]
    }
  }
}
