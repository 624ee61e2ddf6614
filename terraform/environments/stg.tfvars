# Change the first three; everything else is a choice.
project_id     = "strata-stg-example"
project_number = "100000000002"
bucket_name    = "strata-stg-example"

environment = "stg"
region      = "europe-west1"

max_instances = 5
alert_emails  = ["platform@example.com"]

schedules = {
  quarantine = { cron = "0 6 * * *", args = ["quarantine", "list"] }
}
