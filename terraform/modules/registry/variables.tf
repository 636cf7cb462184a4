variable "project_id" {
  description = "The Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where the images are."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "name" {
  description = "Name of the repository."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name must be lower-case letters, digits and hyphens."
  }
}

variable "labels" {
  description = "Labels of the repository."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be lower-case letters, digits, _ and -."
  }
}

variable "versions_kept" {
  description = "Images of each name that stay whatever their age."
  type        = number
  default     = 20

  validation {
    condition     = var.versions_kept >= 5 && floor(var.versions_kept) == var.versions_kept
    error_message = "versions_kept must be a whole number of at least 5, so that there is something to roll back to."
  }
}

variable "days_kept" {
  description = "Days after which other images are deleted."
  type        = number
  default     = 90

  validation {
    condition     = var.days_kept >= 7 && floor(var.days_kept) == var.days_kept
    error_message = "days_kept must be a whole number of at least 7."
  }
}

variable "readers" {
  description = "Who of other projects may pull images: a name for each, and the e-mail of its service account."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.readers : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "readers must be e-mails of service accounts."
  }
}

variable "writers" {
  description = "Who may push images: a name for each, and the e-mail of its service account."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.writers : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "writers must be e-mails of service accounts."
  }
}
