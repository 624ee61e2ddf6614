# Where it goes.

variable "project_id" {
  description = "The project that everything is created in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is the id of a project (6 to 30 lower-case letters, digits, hyphens), not its name or number."
  }
}

variable "project_number" {
  description = "The number of the project: `gcloud projects describe ID --format='value(projectNumber)'`. The addresses of services and Google's service agents follow from it, so a plan knows them."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{6,19}$", var.project_number))
    error_message = "project_number has digits only: gcloud projects describe ID --format='value(projectNumber)'."
  }
}

variable "region" {
  description = "The region of bucket, services, registry and schedules. One region: a multi-region doubles the price of writes and adds egress."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a region such as europe-west1."
  }
}

variable "environment" {
  description = "The environment: objects lie under env/{environment}/, and every name begins with it."
  type        = string

  validation {
    condition     = contains(["dev", "stg", "prod"], var.environment)
    error_message = "environment is dev, stg or prod."
  }
}

variable "owns_project" {
  description = "Whether this environment creates what a project has once: registry, audit logs, federation of identities. When environments share a project, exactly one says true."
  type        = bool
  default     = true
}

variable "labels" {
  description = "Labels of everything that can have some, besides `environment` and `app`."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels have lower-case letters, digits, _ and -, at most 63, and keys begin with a letter."
  }
}

# The bucket.

variable "bucket_name" {
  description = "The bucket. Names are unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket_name)) && !startswith(var.bucket_name, "goog")
    error_message = "bucket_name has 3 to 63 lower-case letters, digits, - and _, and no dots."
  }
}

variable "owns_bucket" {
  description = "Whether this environment creates the bucket. When environments share a bucket, exactly one says true and names all of them in bucket_environments."
  type        = bool
  default     = true
}

variable "bucket_environments" {
  description = "The environments whose objects lie in the bucket, for its lifecycle rules; this one alone when empty."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.bucket_environments : contains(["dev", "stg", "prod"], it)])
    error_message = "bucket_environments are of dev, stg and prod."
  }
}

variable "soft_delete_days" {
  description = "Days for which deleted versions can be restored; 0 turns it off. It is paid for every overwritten pointer and manifest, on top of versioning."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days is 0 or 7 to 90."
  }
}

variable "noncurrent_versions_kept" {
  description = "Noncurrent versions of a derived object that are never deleted by age."
  type        = number
  default     = 10

  validation {
    condition     = var.noncurrent_versions_kept >= 1 && var.noncurrent_versions_kept <= 100
    error_message = "noncurrent_versions_kept is 1 to 100."
  }
}

variable "noncurrent_days" {
  description = "Days for which a noncurrent version of a derived object is kept in any case. Functions read overwritten versions until their message expires, so it exceeds message_retention_days."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= var.message_retention_days + 1
    error_message = "noncurrent_days is at least message_retention_days + 1: a delivery still needs the version that was overwritten."
  }
}

variable "claims_days" {
  description = "Days after which a claim of an append is deleted."
  type        = number
  default     = 7

  validation {
    condition     = var.claims_days >= 1 && var.claims_days <= 365
    error_message = "claims_days is 1 to 365."
  }
}

variable "history_nearline_days" {
  description = "Days after which history moves to Nearline; null never. Off by default: Cloud Storage has no condition on size, and moving an object of 1 KB costs as much as storing it for forty years. See docs/deploy.md."
  type        = number
  default     = null

  validation {
    condition     = var.history_nearline_days == null ? true : var.history_nearline_days >= 30
    error_message = "history_nearline_days is null or at least 30, the shortest time that Nearline is paid for."
  }
}

variable "cmek" {
  description = "Whether the bucket is encrypted with a key of this project."
  type        = bool
  default     = false
}

variable "cmek_rotation_days" {
  description = "Days after which the key gets a new version."
  type        = number
  default     = 90

  validation {
    condition     = var.cmek_rotation_days >= 1 && var.cmek_rotation_days <= 365
    error_message = "cmek_rotation_days is 1 to 365."
  }
}

# Deliveries.

variable "message_retention_days" {
  description = "Days for which a message that nobody acknowledged is kept."
  type        = number
  default     = 7

  validation {
    condition     = var.message_retention_days >= 1 && var.message_retention_days <= 31
    error_message = "message_retention_days is 1 to 31."
  }
}

variable "delivery_attempts_max" {
  description = "Attempts before a message is a dead letter. Between 10 and 600 seconds lie between two, so that 30 are about four hours."
  type        = number
  default     = 30

  validation {
    condition     = var.delivery_attempts_max >= 20 && var.delivery_attempts_max <= 100
    error_message = "delivery_attempts_max is 20 to 100: fewer do not outlast an outage of an hour."
  }
}

# Functions.

variable "images" {
  description = "The image of each function by its digest. `cargo xtask plan` takes them from terraform/images.lock.json."
  type        = map(string)

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("^[a-z0-9.:-]+/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", image))])
    error_message = "images are HOST/REPOSITORY/NAME@sha256:DIGEST; a tag can change under a deployment."
  }
}

variable "image_readers" {
  description = "Who else reads this project's registry: of each other project that runs its images the service agent of Cloud Run, serviceAccount:service-NUMBER@serverless-robot-prod.iam.gserviceaccount.com, and the account that deploys there."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.image_readers : can(regex("^(user|group|serviceAccount):[^@]+@[^@]+$", it))])
    error_message = "image_readers are user:, group: or serviceAccount: with an address; never allUsers or allAuthenticatedUsers."
  }
}

variable "min_instances" {
  description = "Instances of each service that are kept warm; 0 scales to nothing."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && var.min_instances <= 10
    error_message = "min_instances is 0 to 10."
  }
}

variable "max_instances" {
  description = "Instances of each service at most: what an accident can cost."
  type        = number
  default     = 10

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 1000 && var.max_instances >= var.min_instances
    error_message = "max_instances is 1 to 1000 and not below min_instances."
  }
}

variable "execution_environment" {
  description = "The sandbox of services: GEN1 starts faster, GEN2 needs 512 MiB."
  type        = string
  default     = "EXECUTION_ENVIRONMENT_GEN1"

  validation {
    condition     = contains(["EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"], var.execution_environment)
    error_message = "execution_environment is EXECUTION_ENVIRONMENT_GEN1 or EXECUTION_ENVIRONMENT_GEN2."
  }
}

variable "log_level" {
  description = "The least severe level that functions log."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["off", "error", "warn", "info", "debug", "trace"], var.log_level)
    error_message = "log_level is off, error, warn, info, debug or trace."
  }
}

variable "schedules" {
  description = "What the operator does by itself: by name, a cron line in UTC and its arguments."
  type = map(object({
    cron = string
    args = list(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for name, it in var.schedules : can(regex("^[a-z][a-z0-9-]{0,20}$", name)) && length(split(" ", it.cron)) == 5])
    error_message = "schedules have short names and crons of five fields: \"0 3 * * *\"."
  }
}

variable "drill_bucket" {
  description = "A scratch bucket that the operator restores into once a quarter, and that nobody reads; null: no drill. It must be empty before each: a lifecycle rule that deletes after a day, no versioning, no soft delete."
  type        = string
  default     = null

  validation {
    condition     = var.drill_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.drill_bucket)) && var.drill_bucket != var.bucket_name
    error_message = "drill_bucket is null or the name of another bucket than bucket_name."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to destroy services, jobs, datasets and tables. The bucket is protected always."
  type        = bool
  default     = true
}

# Readers and writers.

variable "writers" {
  description = "Who may append history, by a name: programs that write records. They create and nothing else: no reading, no replacing."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for it in values(var.writers) : can(regex("^(user|group|serviceAccount):[^@]+@[^@]+$", it))])
    error_message = "writers are user:, group: or serviceAccount: with an address; never allUsers or allAuthenticatedUsers."
  }

  # Two names would share one grant, which goes with the first of them.
  validation {
    condition     = length(distinct([for it in values(var.writers) : lower(it)])) == length(var.writers)
    error_message = "writers name each member once."
  }
}

variable "readers" {
  description = "Who may read and list below a prefix of the environment, by a name: an investor who sees snapshots of their ventures alone."
  type = map(object({
    member = string
    prefix = string
  }))
  default = {}

  validation {
    condition     = alltrue([for it in values(var.readers) : can(regex("^(user|group|serviceAccount):[^@]+@[^@]+$", it.member))])
    error_message = "readers are user:, group: or serviceAccount: with an address; never allUsers or allAuthenticatedUsers."
  }

  validation {
    condition     = alltrue([for it in values(var.readers) : can(regex("^(snapshots|manifests|indices|reports/alerts)/[A-Za-z0-9._/-]*$", it.prefix))])
    error_message = "readers have a prefix below snapshots/, manifests/, indices/ or reports/alerts/; history is not for them."
  }
}

# BigQuery.

variable "bigquery" {
  description = "Whether BigQuery has tables over listings and exports."
  type        = bool
  default     = true
}

variable "bigquery_snapshots" {
  description = "Whether it also has tables straight over snapshots. Each query lists and reads every object of a kind: 0.04 USD for 100,000 entities, and slowly."
  type        = bool
  default     = false
}

variable "bigquery_load_schedule" {
  description = "When documents are copied into native tables, as \"every 24 hours\"; null never."
  type        = string
  default     = null

  validation {
    condition     = var.bigquery_load_schedule == null ? true : startswith(var.bigquery_load_schedule, "every ")
    error_message = "bigquery_load_schedule is null or begins with every: \"every 24 hours\", \"every day 05:00\"."
  }
}

# Where alerts of rules are sent: docs/webhooks.md.

variable "egress_hosts" {
  description = "Hosts that alerts are sent to, *.example.com for all below one, :8443 for another port than 443; none: every public host."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.egress_hosts : can(regex("^(:[1-9][0-9]*|([*][.])?[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+)$", it))])
    error_message = "egress_hosts are names of hosts, *.names, or :ports."
  }
}

variable "alert_secrets" {
  description = "Secrets of this project that targets of alerts and webhook_key name: whoever sends alerts may read them, and nobody makes them but you."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.alert_secrets : can(regex("^[A-Za-z0-9_-]{1,255}$", it))])
    error_message = "alert_secrets are names of secrets, without their project."
  }
}

variable "webhook_key" {
  description = "Where the key is that webhooks are signed with which have none of their own: sm://NAME."
  type        = string
  default     = ""

  validation {
    condition     = var.webhook_key == "" || can(regex("^(sm://|projects/)", var.webhook_key))
    error_message = "webhook_key says where the key is, sm://NAME, and is not the key."
  }
}

variable "email_api" {
  description = "Where mail is handed over: sm://NAME, or a URL."
  type        = string
  default     = ""

  validation {
    condition     = var.email_api == "" || can(regex("^(sm://|projects/|https://)", var.email_api))
    error_message = "email_api is sm://NAME, or a URL over https."
  }
}

variable "email_from" {
  description = "Whom mail is from: an address, or a name and <an address>."
  type        = string
  default     = ""

  validation {
    condition     = var.email_from == "" || can(regex("^[^@]+@[^@]+[.][^@]+$", var.email_from))
    error_message = "email_from is an address, or a name and <an address>."
  }
}

variable "alerts_per_minute" {
  description = "How many alerts one target is sent within a minute, by each instance."
  type        = number
  default     = 60

  validation {
    condition     = var.alerts_per_minute >= 1 && var.alerts_per_minute <= 10000 && floor(var.alerts_per_minute) == var.alerts_per_minute
    error_message = "alerts_per_minute is a whole number from 1 to 10000."
  }
}

# Monitoring.

variable "alert_emails" {
  description = "Who is told when something needs a person."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", it))])
    error_message = "alert_emails are addresses of e-mail."
  }
}

variable "alert_thresholds" {
  description = "From where on a person is told."
  type = object({
    unacked_seconds    = optional(number, 900)
    errors_per_second  = optional(number, 0.1)
    retries_per_second = optional(number, 0.5)
    latency_ms         = optional(number, 5000)
    lag_seconds        = optional(number, 300)
    quarantined_hourly = optional(number, 10)
    bucket_gib         = optional(number, 50)
    objects            = optional(number, 5000000)
    egress_gib_hourly  = optional(number, 5)
  })
  default = {}

  validation {
    condition     = alltrue([for it in values(var.alert_thresholds) : it > 0])
    error_message = "alert_thresholds are above 0."
  }
}

variable "billing_account" {
  description = "The billing account whose budget warns; null for none. Whoever applies needs billing.budgets.create there."
  type        = string
  default     = null

  validation {
    condition     = var.billing_account == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account looks like 012345-6789AB-CDEF01."
  }
}

variable "budget_monthly" {
  description = "What a month may cost before somebody is told, in the currency of the billing account."
  type        = number
  default     = 50

  validation {
    condition     = var.budget_monthly >= 1 && floor(var.budget_monthly) == var.budget_monthly
    error_message = "budget_monthly is a whole number from 1."
  }
}

variable "audit_logs" {
  description = "Whether reads and writes of objects are logged, for Cloud Storage only and without those of the functions: theirs would be one entry for each operation."
  type        = bool
  default     = false
}

# Continuous integration.

variable "github_repository" {
  description = "OWNER/NAME of the repository whose workflows may plan and deploy; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null ? true : can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository is OWNER/NAME."
  }
}
