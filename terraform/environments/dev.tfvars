# Change the first three; everything else is a choice.
project_id     = "strata-dev-example"
project_number = "100000000001"
bucket_name    = "strata-dev-example"

environment = "dev"
region      = "europe-west1"

# What is lost here can be written again.
soft_delete_days    = 0
deletion_protection = false
max_instances       = 3
log_level           = "debug"

# The images of all environments are in this project's registry: one lock names them.
image_readers = [
  "serviceAccount:service-100000000002@serverless-robot-prod.iam.gserviceaccount.com",
  "serviceAccount:service-100000000003@serverless-robot-prod.iam.gserviceaccount.com",
  "serviceAccount:prod-ci-deploy@strata-prod-example.iam.gserviceaccount.com",
]
