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

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "environment" {
  description = "Name of the environment; every name begins with netra- and this."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,8}$", var.environment))
    error_message = "environment must be 2 to 9 lower-case letters and digits, such as prod."
  }
}

variable "labels" {
  description = "More labels, besides app and environment."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be lower-case letters, digits, _ and -."
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

variable "migrate_command" {
  description = "The program of the image that brings the schemas up to date; it gets the argument up."
  type        = list(string)
  default     = ["/nodejs/bin/node", "migrations/cli.js"]

  validation {
    condition     = length(var.migrate_command) > 0
    error_message = "migrate_command must name a program."
  }
}

variable "functions" {
  description = <<-TEXT
    How large each function is: instances that wait and that there may be, requests an instance serves at once, and, of
    ingest, webhooks, insights and events, the connections of an instance's pool; the others have theirs in their code.
  TEXT
  type = map(object({
    min_instances = optional(number, 0)
    max_instances = number
    concurrency   = number
    connections   = optional(number)
    cpu           = optional(string, "1")
    memory        = optional(string, "512Mi")
    cpu_idle      = optional(bool, true)
  }))

  validation {
    condition     = toset(keys(var.functions)) == toset(["ingest", "webhooks", "insights", "events", "patterns", "retention", "health"])
    error_message = "functions must size ingest, webhooks, insights, events, patterns, retention and health, and nothing else."
  }

  validation {
    condition = alltrue([
      for name, function in var.functions : contains(["ingest", "webhooks", "insights", "events"], name) == (function.connections != null)
    ])
    error_message = "connections are told for ingest, webhooks, insights and events, and for no other."
  }

  validation {
    condition     = alltrue([for function in var.functions : function.connections == null || try(function.connections >= 4 && function.connections <= 100 && floor(function.connections) == function.connections, false)])
    error_message = "connections must be a whole number from 4 to 100."
  }

  validation {
    condition     = try(var.functions.ingest.connections >= 6, true)
    error_message = "ingest needs 6 connections: four to write with and two for look-ups and the relay."
  }
}

variable "reserved_connections" {
  description = "Connections that stay free for migrations, people, replication and instances that are being replaced."
  type        = number
  default     = 20

  validation {
    condition     = var.reserved_connections >= 10 && floor(var.reserved_connections) == var.reserved_connections
    error_message = "reserved_connections must be a whole number of at least 10."
  }
}

variable "database" {
  description = "The database: version, size, what protects it, and how functions log in. See modules/database."
  type = object({
    version               = optional(string, "POSTGRES_18")
    tier                  = string
    highly_available      = bool
    disk_gb               = optional(number, 20)
    disk_gb_max           = optional(number, 500)
    max_connections       = number
    flags                 = optional(map(string), {})
    backups_kept          = optional(number, 7)
    replica               = optional(object({ tier = string }))
    certificates_required = optional(bool, false)
  })

  validation {
    condition     = var.database.max_connections >= 50
    error_message = "database.max_connections must be at least 50."
  }
}

variable "owner_password" {
  description = "Password of the database's owner, netra_owner; at least 24 characters. Needed where owner_password_version is new, never kept."
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

variable "network" {
  description = "Ranges of the network, and what else inside it functions may reach."
  type = object({
    run_range       = optional(string, "10.20.0.0/22")
    services_range  = optional(string, "10.30.0.0/20")
    private_targets = optional(map(object({ ranges = list(string), ports = list(string) })), {})
  })
  default = {}

  # Cloud Run takes two addresses for each instance, in blocks of sixteen; while a new revision takes over, the old one's
  # are still held. One block more is the migration job's, and four addresses of a range are Google's.
  validation {
    condition     = pow(2, 32 - try(tonumber(split("/", var.network.run_range)[1]), 32)) - 4 >= 16 * (1 + 2 * sum([for function in var.functions : ceil(function.max_instances / 8)]))
    error_message = "network.run_range is too small: two addresses for each instance there may be, in blocks of 16 for each function, twice while a new version takes over, and a block for migrations."
  }
}

variable "clickhouse" {
  description = <<-TEXT
    The ClickHouse service, which is there already: its address with the login and the database and without the password,
    the login of retention, which must see every organization's rows and may delete them, and the name of the cluster for
    replicated tables, or null.
  TEXT
  type        = object({ url = string, retention_user = optional(string, "netra_retention"), cluster = optional(string) })

  validation {
    condition     = can(regex("^https://[^/:@]+@[^/@]+/[^/]+$", var.clickhouse.url))
    error_message = "clickhouse.url must be https://USER@HOST:8443/DATABASE; the passwords go into Secret Manager."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,63}$", var.clickhouse.retention_user)) && !startswith(var.clickhouse.url, "https://${var.clickhouse.retention_user}@")
    error_message = "clickhouse.retention_user must be a login of its own: row policies would hide from the others' what is to be removed."
  }

  validation {
    condition     = var.clickhouse.cluster == null || can(regex("^[A-Za-z0-9_{}-]+$", var.clickhouse.cluster))
    error_message = "clickhouse.cluster must be the name of a cluster."
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
  description = "Secrets of event sources and subscriptions, by name, and which of webhooks and events may read each. Sources name them by the reference that is in the output source_secrets."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.source_secrets) : can(regex("^[a-z][a-z0-9-]{1,60}$", name))])
    error_message = "source_secrets must be named with lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for functions in var.source_secrets : length(functions) > 0 && length(setsubtract(functions, ["webhooks", "events"])) == 0])
    error_message = "source_secrets are read by webhooks, events or both."
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
  description = "Topics of Google that are pushed to the webhooks function: the full name of the topic, and the path of the source, such as /cloud-build/ENDPOINT."
  type        = map(object({ topic = string, path = string }))
  default     = {}

  validation {
    condition     = alltrue([for key, source in var.google_sources : key != "events" && can(regex("^projects/[^/]+/topics/[^/]+$", source.topic)) && can(regex("^/(cloud-build|cloud-deploy)/[^/]+$", source.path))])
    error_message = "google_sources must name projects/PROJECT/topics/TOPIC and /cloud-build/ENDPOINT or /cloud-deploy/ENDPOINT."
  }
}

variable "archive" {
  description = "Days in which nobody can delete an archive, retention included. Nothing but retention deletes one afterwards."
  type        = object({ days_locked = optional(number, 0) })
  default     = {}

  validation {
    condition     = var.archive.days_locked >= 0 && floor(var.archive.days_locked) == var.archive.days_locked
    error_message = "archive.days_locked must be a whole number."
  }
}

variable "schedules_paused" {
  description = "Whether nothing is called on schedule for now."
  type        = bool
  nullable    = false
  default     = false
}

variable "alert_emails" {
  description = "Who is told when something is wrong."
  type        = set(string)

  validation {
    condition     = alltrue([for email in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "alert_emails must be e-mail addresses."
  }
}

variable "alert_channels" {
  description = "Other notification channels by their resource names."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.alert_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "alert_channels must be projects/PROJECT/notificationChannels/NUMBER."
  }
}

variable "budget" {
  description = "The billing account and what a month may cost in its currency, or null. A budget tells; it stops nothing."
  type        = object({ billing_account = string, monthly_amount = number, currency = optional(string, "USD") })
  default     = null

  validation {
    condition     = var.budget == null || try(var.budget.monthly_amount >= 1, false)
    error_message = "budget.monthly_amount must be at least 1."
  }
}

variable "deploy" {
  description = "Who deploys without a key, and the bucket of the state; or null. See modules/deploy-identity."
  type = object({
    github       = object({ owner_id = string, repository_id = string, ref = string, environment = string })
    state_bucket = string
  })
  default = null

  validation {
    condition     = var.deploy == null || try(length(var.deploy.state_bucket) >= 3, false)
    error_message = "deploy.state_bucket must be the name of a bucket."
  }
}

variable "deletion_protection" {
  description = "Whether database, services and jobs are protected from being deleted."
  type        = bool
  nullable    = false
}
