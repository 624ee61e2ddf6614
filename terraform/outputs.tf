# What people and `cargo xtask deploy` read of a deployment.

output "environment" {
  description = "The environment."
  value       = var.environment
}

output "bucket" {
  description = "The bucket that the smoke test writes to."
  value       = local.bucket
}

output "services" {
  description = "The address of each service."
  value       = local.addresses
}

output "jobs" {
  description = "The job of each scheduled or hand-started run."
  value       = { for name, it in google_cloud_run_v2_job.this : name => it.name }
}

output "subscriptions" {
  description = "The push subscriptions."
  value       = { for name, it in google_pubsub_subscription.push : name => it.name }
}

output "dead_letters" {
  description = "Where the dead letters of each subscription wait."
  value       = { for name, it in google_pubsub_subscription.dead : name => it.name }
}

output "registry" {
  description = "Where images are pushed: cargo xtask image --push THIS."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/strata"
}

output "dataset" {
  description = "The dataset of BigQuery; null without it."
  value       = var.bigquery ? google_bigquery_dataset.this[0].dataset_id : null
}

output "identities" {
  description = "The identity of each function."
  value       = { for name, it in google_service_account.function : name => it.email }
}

output "federation" {
  description = "What a workflow logs in with; null without it."
  value       = local.federated ? { provider = google_iam_workload_identity_pool_provider.ci[0].name, accounts = { for name, it in google_service_account.ci : name => it.email } } : null
}
