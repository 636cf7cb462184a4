variable "project_id" {
  description = "The Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "The region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "name" {
  description = "Name of what is made here."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,46}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 48 lower-case letters, digits and hyphens."
  }
}

variable "labels" {
  description = "Labels of everything made here."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be lower-case letters, digits, _ and -."
  }
}

variable "database_version" {
  description = "PostgreSQL 17 or 18."
  type        = string
  default     = "POSTGRES_18"

  validation {
    condition     = contains(["POSTGRES_17", "POSTGRES_18"], var.database_version)
    error_message = "database_version must be POSTGRES_17 or POSTGRES_18."
  }
}

variable "tier" {
  description = "Size of the machine: db-custom-CPUS-MEGABYTES."
  type        = string

  validation {
    condition     = can(regex("^db-custom-[0-9]+-[0-9]+$", var.tier))
    error_message = "tier must be db-custom-CPUS-MEGABYTES, such as db-custom-2-8192; shared machines are not for a ledger."
  }
}

variable "highly_available" {
  description = "Whether a second machine in another zone takes over. Doubles the price."
  type        = bool
  nullable    = false
}

variable "disk_gb" {
  description = "Gigabytes of disk at the start; it grows by itself."
  type        = number
  default     = 20

  validation {
    condition     = var.disk_gb >= 10 && floor(var.disk_gb) == var.disk_gb
    error_message = "disk_gb must be a whole number of at least 10."
  }
}

variable "disk_gb_max" {
  description = "Gigabytes the disk may grow to by itself."
  type        = number
  default     = 500

  validation {
    condition     = var.disk_gb_max >= var.disk_gb
    error_message = "disk_gb_max must not be less than disk_gb."
  }
}

variable "network" {
  description = "The network of the private address; there is no public one."
  type        = string

  validation {
    condition     = length(var.network) > 0
    error_message = "network must be named: the database has a private address only."
  }
}

variable "certificates_required" {
  description = "Whether only connections of a Cloud SQL connector are taken, which bring a client certificate. Without it connections are encrypted, and a password proves the client."
  type        = bool
  nullable    = false
}

variable "max_connections" {
  description = "Connections the server takes. Every one costs memory: 100 for each 4 GB is a good rule."
  type        = number

  validation {
    condition     = var.max_connections >= 50 && var.max_connections <= 4000 && floor(var.max_connections) == var.max_connections
    error_message = "max_connections must be a whole number from 50 to 4000."
  }
}

variable "flags" {
  description = "More flags of the server, by name."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.flags), ["max_connections", "cloudsql.iam_authentication", "log_error_verbosity"])) == 0
    error_message = "flags must not set max_connections, cloudsql.iam_authentication or log_error_verbosity."
  }
}

variable "backups_kept" {
  description = "Nightly backups that are kept; besides, any moment of the last seven days can be restored."
  type        = number
  default     = 7

  validation {
    condition     = var.backups_kept >= 7 && var.backups_kept <= 365 && floor(var.backups_kept) == var.backups_kept
    error_message = "backups_kept must be a whole number from 7 to 365."
  }
}

variable "replica" {
  description = "A replica to read from, or null."
  type        = object({ tier = string })
  default     = null

  validation {
    condition     = var.replica == null || can(regex("^db-custom-[0-9]+-[0-9]+$", var.replica.tier))
    error_message = "replica.tier must be db-custom-CPUS-MEGABYTES, such as db-custom-2-8192."
  }
}

variable "deletion_protection" {
  description = "Whether both Terraform and Google refuse to delete the instance; its backups then outlive it too."
  type        = bool
  nullable    = false
}

variable "owner_password" {
  description = "Password of netra_owner. Needed where owner_password_version is new; it is written and never kept."
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

variable "owner_password_secret" {
  description = "The secret that owner_password is written to as well: its full name."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/secrets/[^/]+$", var.owner_password_secret))
    error_message = "owner_password_secret must be projects/PROJECT/secrets/NAME."
  }
}

variable "accounts" {
  description = "Service accounts that log in with IAM: a name for each, and its e-mail."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.accounts : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "accounts must be e-mails of service accounts."
  }
}
