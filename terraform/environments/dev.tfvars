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
