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

variable "image" {
  description = "The image by its digest."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must end in @sha256: and the digest; a tag can mean another image tomorrow."
  }
}

variable "command" {
  description = "The program in the image."
  type        = list(string)

  validation {
    condition     = length(var.command) > 0
    error_message = "command must name a program."
  }
}

variable "args" {
  description = "Its arguments."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arg in var.args : arg != ""])
    error_message = "args must not be empty texts."
  }
}

variable "service_account" {
  description = "E-mail of the account the job runs as."
  type        = string

  validation {
    condition     = endswith(var.service_account, ".iam.gserviceaccount.com") && !can(regex("compute@developer", var.service_account))
    error_message = "service_account must be the e-mail of an account of the job's own."
  }
}

variable "env" {
  description = "Variables of the environment that are no secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, value in var.env : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !can(regex("://[^/@]+:[^/@]+@", value))])
    error_message = "env must be named in capitals and hold no address with a password."
  }
}

variable "secret_env" {
  description = "Variables that are read from Secret Manager, from the newest version at the start of each run: the secret's id."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, secret in var.secret_env : can(regex("^[A-Z][A-Z0-9_]*$", name)) && can(regex("^[A-Za-z0-9_-]+$", secret))])
    error_message = "secret_env must be named in capitals, and name secrets by their id."
  }
}

variable "timeout_seconds" {
  description = "How long a run may take."
  type        = number
  default     = 3600

  validation {
    condition     = var.timeout_seconds >= 60 && var.timeout_seconds <= 86400 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 60 to 86400."
  }
}

variable "network" {
  description = "Where the job is attached: network, subnetwork, and tags for the firewall."
  type        = object({ network = string, subnetwork = string, tags = list(string) })

  validation {
    condition     = length(var.network.tags) > 0
    error_message = "network.tags must name the tag the firewall knows functions by."
  }
}

variable "runners" {
  description = "Service accounts that may run it: a name for each, and its e-mail."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.runners : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "runners must be e-mails of service accounts."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the job."
  type        = bool
  nullable    = false
  default     = true
}
