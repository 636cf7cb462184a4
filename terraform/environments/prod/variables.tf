variable "project_id" {
  description = "The Google Cloud project, which is there already."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "The one region everything is in."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "image" {
  description = "The image of all functions by its digest; null makes everything else first, such as the registry to push it to."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must end in @sha256: and the digest; a tag can mean another image tomorrow."
  }
}

variable "owner_password" {
  description = "Password of the database's owner, at least 24 characters. Needed on the first apply and where owner_password_version is new: TF_VAR_owner_password."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = var.owner_password == null || try(length(var.owner_password) >= 24, false)
    error_message = "owner_password must have at least 24 characters."
  }
}

variable "owner_password_version" {
  description = "Raise it to write owner_password anew."
  type        = number
  default     = 1

  validation {
    condition     = var.owner_password_version >= 1 && floor(var.owner_password_version) == var.owner_password_version
    error_message = "owner_password_version must be a whole number of at least 1."
  }
}

variable "clickhouse" {
  description = "The ClickHouse service: its address with login and database and without the password, the login of retention, and the cluster for replicated tables or null."
  type        = object({ url = string, retention_user = optional(string, "netra_retention"), cluster = optional(string) })

  validation {
    condition     = can(regex("^https://[^/:@]+@[^/@]+/[^/]+$", var.clickhouse.url))
    error_message = "clickhouse.url must be https://USER@HOST:8443/DATABASE; the passwords go into Secret Manager."
  }
}

variable "promoted_to" {
  description = "Numbers of other projects that deploy the images of this one, such as prod's for those that were tried in dev."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for number in var.promoted_to : can(regex("^[0-9]+$", number))])
    error_message = "promoted_to must be numbers of projects: gcloud projects describe PROJECT --format 'value(projectNumber)'."
  }
}

variable "source_secrets" {
  description = "Secrets of event sources and subscriptions, by name, and which of webhooks and events may read each."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.source_secrets) : can(regex("^[a-z][a-z0-9-]{1,60}$", name))])
    error_message = "source_secrets must be named with lower-case letters, digits and hyphens."
  }
}

variable "watchers" {
  description = "People who may ask the health function: user:E-MAIL or group:E-MAIL."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.watchers : can(regex("^(user|group):[^@]+@[^@]+$", member))])
    error_message = "watchers must be user: or group: and an e-mail address."
  }
}

variable "google_sources" {
  description = "Topics of Google that are pushed to the webhooks function: the topic's full name and the source's path."
  type        = map(object({ topic = string, path = string }))
  default     = {}

  validation {
    condition     = alltrue([for source in var.google_sources : can(regex("^projects/[^/]+/topics/[^/]+$", source.topic))])
    error_message = "google_sources must name projects/PROJECT/topics/TOPIC."
  }
}

variable "alert_emails" {
  description = "Who is told when something is wrong."
  type        = set(string)

  validation {
    condition     = length(var.alert_emails) > 0 && alltrue([for email in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "alert_emails must be at least one e-mail address."
  }
}

variable "budget" {
  description = "The billing account and what a month may cost in its currency, or null."
  type        = object({ billing_account = string, monthly_amount = number, currency = optional(string, "USD") })
  default     = null

  validation {
    condition     = var.budget == null || try(can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)), false)
    error_message = "budget.billing_account must look like 012345-6789AB-CDEF01."
  }
}

variable "deploy" {
  description = "Who deploys without a key (numbers of owner and repository, ref, GitHub environment), and the bucket of the state; or null."
  type = object({
    github       = object({ owner_id = string, repository_id = string, ref = string, environment = string })
    state_bucket = string
  })
  default = null

  validation {
    condition     = var.deploy == null || try(can(regex("^[0-9]+$", var.deploy.github.repository_id)), false)
    error_message = "deploy.github must name the repository by its number."
  }
}

variable "alert_channels" {
  description = "Other notification channels, such as a pager's, by their resource names."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.alert_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "alert_channels must be projects/PROJECT/notificationChannels/NUMBER."
  }
}

variable "database_replica" {
  description = "A replica to read from, such as { tier = \"db-custom-4-15360\" }, or null."
  type        = object({ tier = string })
  default     = null

  validation {
    condition     = var.database_replica == null || try(can(regex("^db-custom-[0-9]+-[0-9]+$", var.database_replica.tier)), false)
    error_message = "database_replica.tier must be db-custom-CPUS-MEGABYTES."
  }
}
