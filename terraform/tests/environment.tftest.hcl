# What variables refuse, and what follows from them. Run by `cargo xtask terraform check`, or
# `terraform test` in terraform/.

variables {
  project_id     = "strata-test"
  project_number = "100000000009"
  bucket_name    = "strata-test"
  environment    = "dev"
  images = {
    for name in keys(jsondecode(file("./functions.json")).functions) :
    name => "europe-west1-docker.pkg.dev/p/strata/${name}@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  }
}

run "an_unknown_environment_is_refused" {
  command = plan
  variables {
    environment = "production"
  }
  expect_failures = [var.environment]
}

run "an_image_by_its_tag_is_refused" {
  command = plan
  variables {
    images = { index-writer = "europe-west1-docker.pkg.dev/p/strata/index-writer:latest" }
  }
  # The other functions then have no image either.
  expect_failures = [var.images]
}

run "a_project_number_is_no_id" {
  command = plan
  variables {
    project_number = "strata-test"
  }
  expect_failures = [var.project_number]
}

run "old_versions_outlive_the_messages_that_need_them" {
  command = plan
  variables {
    noncurrent_days        = 30
    message_retention_days = 31
  }
  expect_failures = [var.noncurrent_days]
}

run "messages_outlive_an_outage" {
  command = plan
  variables {
    delivery_attempts_max = 5
  }
  expect_failures = [var.delivery_attempts_max]
}

run "a_reader_sees_no_history" {
  command = plan
  variables {
    readers = { investor = { member = "group:investors@example.com", prefix = "ventures/" } }
  }
  expect_failures = [var.readers]
}

run "nobody_reads_as_everybody" {
  command = plan
  variables {
    readers = { everybody = { member = "allUsers", prefix = "snapshots/" } }
  }
  expect_failures = [var.readers]
}

run "nobody_pulls_as_everybody" {
  command = plan
  variables {
    image_readers = ["allUsers"]
  }
  expect_failures = [var.image_readers]
}

run "other_projects_read_the_registry_that_they_are_named_in" {
  command = plan
  variables {
    image_readers = ["serviceAccount:service-100000000002@serverless-robot-prod.iam.gserviceaccount.com"]
  }
  assert {
    condition     = [for it in google_artifact_registry_repository_iam_member.reader : it.role] == ["roles/artifactregistry.reader"]
    error_message = "another project cannot pull."
  }
}

run "nobody_writes_as_everybody" {
  command = plan
  variables {
    writers = { everybody = "allAuthenticatedUsers" }
  }
  expect_failures = [var.writers]
}

run "nobody_writes_under_two_names" {
  command = plan
  variables {
    writers = {
      cockpit = "serviceAccount:cockpit@p.iam.gserviceaccount.com"
      import  = "serviceAccount:cockpit@p.iam.gserviceaccount.com"
    }
  }
  expect_failures = [var.writers]
}

run "services_have_their_addresses_in_the_plan" {
  command = plan
  assert {
    condition     = output.services["index-writer"] == "https://dev-index-writer-100000000009.europe-west1.run.app"
    error_message = "a push subscription needs the address before the service exists"
  }
  assert {
    condition     = google_pubsub_subscription.push["index-writer-snapshot"].push_config[0].push_endpoint == "${output.services["index-writer"]}/pubsub/push"
    error_message = "functions take pushes at /pubsub/push"
  }
}

run "an_environment_that_owns_nothing_makes_neither_bucket_nor_registry" {
  command = plan
  variables {
    environment  = "stg"
    owns_bucket  = false
    owns_project = false
    cmek         = true
    audit_logs   = true
    bucket_name  = "strata-shared"
  }
  assert {
    condition     = length(google_storage_bucket.this) == 0 && length(google_artifact_registry_repository.this) == 0 && length(google_kms_crypto_key.bucket) == 0 && length(google_project_iam_audit_config.storage) == 0
    error_message = "what is shared belongs to another environment"
  }
  assert {
    condition     = length(google_storage_notification.this) == 2
    error_message = "each environment has its own notifications on a shared bucket"
  }
}

run "three_environments_share_a_bucket" {
  command = plan
  variables {
    bucket_environments = ["dev", "stg", "prod"]
  }
  assert {
    condition     = length(google_storage_bucket.this[0].lifecycle_rule) == 11
    error_message = "one rule for each derived class, one for tmp/, one for uploads, and one for the claims of each environment"
  }
}

run "everything_optional_can_be_off" {
  command = plan
  variables {
    bigquery         = false
    soft_delete_days = 0
  }
  assert {
    condition     = length(google_bigquery_table.lines) == 0 && length(google_bigquery_dataset.this) == 0 && output.dataset == null
    error_message = "bigquery = false makes nothing in BigQuery"
  }
}

run "history_moves_to_nearline_only_on_demand" {
  command = plan
  variables {
    history_nearline_days = 90
  }
  assert {
    condition     = length([for it in google_storage_bucket.this[0].lifecycle_rule : it if one(it.action).type == "SetStorageClass"]) == 1
    error_message = "one rule for the history of each environment"
  }
}

run "a_drill_needs_a_bucket" {
  command = plan
  assert {
    condition     = !contains(keys(google_cloud_scheduler_job.this), "operator-drill") && contains(keys(google_cloud_scheduler_job.this), "operator-reconcile") && length(google_storage_bucket_iam_member.drill) == 0
    error_message = "without a scratch bucket nothing is restored, and nothing granted"
  }
}

run "a_drill_restores_into_its_bucket_as_the_operator" {
  command = plan
  variables {
    drill_bucket = "strata-scratch"
  }
  assert {
    condition     = google_cloud_scheduler_job.this["operator-drill"].schedule == "0 5 1 1,4,7,10 *" && google_storage_bucket_iam_member.drill[0].bucket == "strata-scratch"
    error_message = "once a quarter, into the scratch bucket"
  }
  assert {
    condition     = one([for it in google_cloud_run_v2_job.this["operator-drill"].template[0].template[0].containers[0].env : it.value if it.name == "DRILL_BUCKET"]) == "strata-scratch" && google_cloud_run_v2_job.this["operator-drill"].template[0].template[0].max_retries == 0
    error_message = "the job knows its bucket, and is not tried again on what it has left there"
  }
}

run "a_drill_never_writes_into_the_bucket_itself" {
  command = plan
  variables {
    bucket_name  = "strata-shared"
    drill_bucket = "strata-shared"
  }
  expect_failures = [var.drill_bucket]
}

run "without_a_word_alerts_go_to_every_public_host_and_no_secret_is_read" {
  command = plan
  assert {
    condition     = length(google_secret_manager_secret_iam_member.alert) == 0 && one([for it in google_cloud_run_v2_service.this["alert-dispatcher"].template[0].containers[0].env : it.value if it.name == "ALERTS_PER_MINUTE"]) == "60"
    error_message = "nothing is granted that is not named"
  }
}

run "whoever_sends_alerts_reads_the_secrets_that_are_named_and_nobody_else" {
  command = plan
  variables {
    alert_secrets = ["slack-ops"]
    webhook_key   = "sm://slack-ops"
    egress_hosts  = ["hooks.slack.com", "*.example.com", ":8443"]
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_iam_member.alert)) == toset(["alert-dispatcher-slack-ops", "operator-slack-ops"])
    error_message = "the function, and the job that sends once more"
  }
  assert {
    condition     = one([for it in google_cloud_run_v2_job.this["operator-alerts-redeliver"].template[0].template[0].containers[0].env : it.value if it.name == "EGRESS_HOSTS"]) == "hooks.slack.com,*.example.com,:8443"
    error_message = "the job sends to the same hosts"
  }
  assert {
    condition     = length([for it in google_cloud_run_v2_service.this["rules-engine"].template[0].containers[0].env : it if it.name == "WEBHOOK_KEY"]) == 0
    error_message = "nobody else has these settings"
  }
}

run "a_key_that_stands_there_itself_is_refused" {
  command = plan
  variables {
    webhook_key = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
  }
  expect_failures = [var.webhook_key]
}
