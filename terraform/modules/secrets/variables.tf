variable "project_id" {
  description = "The Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "prefix" {
  description = "Start of every secret's id."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}$", var.prefix))
    error_message = "prefix must be lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "The one region the secrets are kept in; null lets Google choose where."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be null or a region such as europe-west1."
  }
}

variable "labels" {
  description = "Labels of every secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be lower-case letters, digits, _ and -."
  }
}

variable "secrets" {
  description = "Each secret and who may read it: a name for each reader, and the e-mail of its service account."
  type        = map(object({ accessors = map(string) }))

  validation {
    condition     = alltrue([for key in keys(var.secrets) : can(regex("^[a-z][a-z0-9-]{1,80}$", key))])
    error_message = "secrets must be named with lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue(flatten([for secret in var.secrets : [for email in secret.accessors : endswith(email, ".iam.gserviceaccount.com")]]))
    error_message = "accessors must be e-mails of service accounts."
  }

  validation {
    condition     = alltrue([for secret in var.secrets : length(secret.accessors) > 0])
    error_message = "a secret that nobody may read is not needed."
  }
}
