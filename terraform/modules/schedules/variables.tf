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

variable "prefix" {
  description = "Start of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}$", var.prefix))
    error_message = "prefix must be lower-case letters, digits and hyphens."
  }
}

variable "caller" {
  description = "E-mail of the account whose token each call carries."
  type        = string

  validation {
    condition     = endswith(var.caller, ".iam.gserviceaccount.com")
    error_message = "caller must be the e-mail of a service account."
  }
}

variable "paused" {
  description = "Whether nothing is called for now, such as while a backup is restored."
  type        = bool
  nullable    = false
  default     = false
}

variable "jobs" {
  description = "What is called and when (UTC): the function's address, which is the audience of the token as well unless another is named, and the path."
  type = map(object({
    description      = string
    schedule         = string
    uri              = string
    path             = string
    audience         = optional(string)
    deadline_seconds = number
    retries          = optional(number, 0)
  }))

  validation {
    condition     = alltrue([for job in var.jobs : length(split(" ", job.schedule)) == 5])
    error_message = "schedule must have five fields, such as */10 * * * *."
  }

  validation {
    condition     = alltrue([for job in var.jobs : startswith(job.uri, "https://") && startswith(job.path, "/")])
    error_message = "uri must be an https address, and path begin with /."
  }

  validation {
    condition     = alltrue([for job in var.jobs : job.deadline_seconds >= 15 && job.deadline_seconds <= 1800])
    error_message = "deadline_seconds must be from 15 to 1800, which is the longest Cloud Scheduler waits."
  }

  validation {
    condition     = alltrue([for job in var.jobs : job.retries >= 0 && job.retries <= 5])
    error_message = "retries must be from 0 to 5."
  }
}
