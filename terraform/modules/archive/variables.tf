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

variable "labels" {
  description = "Labels of everything made here."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be lower-case letters, digits, _ and -."
  }
}

variable "name" {
  description = "Name of the bucket; unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "days_locked" {
  description = "Days in which nobody can delete an archive or write over it; 0 for none."
  type        = number
  default     = 0

  validation {
    condition     = var.days_locked >= 0 && var.days_locked <= 3650 && floor(var.days_locked) == var.days_locked
    error_message = "days_locked must be a whole number from 0 to 3650."
  }
}

variable "writers" {
  description = "Who may add archives, and neither read nor change what is there: a name for each, and its e-mail."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.writers : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "writers must be e-mails of service accounts."
  }
}

variable "readers" {
  description = "Who may read archives: a name for each, and its e-mail."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.readers : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "readers must be e-mails of service accounts."
  }
}

variable "users" {
  description = "Who may add, read, change and delete archives: a name for each, and its e-mail."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.users : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "users must be e-mails of service accounts."
  }
}
