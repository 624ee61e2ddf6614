# Change the first three and the addresses; everything else is a choice.
project_id     = "strata-prod-example"
project_number = "100000000003"
bucket_name    = "strata-prod-example"

environment = "prod"
region      = "europe-west1"

cmek          = true
max_instances = 20
audit_logs    = true

alert_emails    = ["platform@example.com"]
billing_account = "012345-6789AB-CDEF01"
budget_monthly  = 100

github_repository = "example/strata"

schedules = {
  quarantine = { cron = "0 6 * * *", args = ["quarantine", "list"] }
}

# A bucket to restore into once a quarter: docs/restore.md, "The drill".
# drill_bucket = "strata-prod-example-drill"

bigquery_load_schedule = "every 24 hours"

# The program that writes records.
writers = {
  cockpit = "serviceAccount:cockpit@strata-prod-example.iam.gserviceaccount.com"
}

# An investor who sees the cap tables' snapshots and nothing else.
readers = {
  investor = { member = "group:investors@example.com", prefix = "snapshots/cap_tables/" }
}
