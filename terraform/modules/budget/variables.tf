variable "name" {
  description = "What the budget is called."
  type        = string

  validation {
    condition     = length(var.name) >= 1 && length(var.name) <= 60
    error_message = "name must have 1 to 60 characters."
  }
}

variable "billing_account" {
  description = "The billing account: XXXXXX-XXXXXX-XXXXXX."
  type        = string

  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account must look like 012345-6789AB-CDEF01."
  }
}

variable "project_number" {
  description = "The project's number."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "project_number must be a number."
  }
}

variable "currency" {
  description = "The billing account's currency."
  type        = string
  default     = "USD"

  validation {
    condition     = can(regex("^[A-Z]{3}$", var.currency))
    error_message = "currency must be three capitals, such as EUR."
  }
}

variable "monthly_amount" {
  description = "What a month may cost. A budget tells; it stops nothing."
  type        = number

  validation {
    condition     = var.monthly_amount >= 1 && floor(var.monthly_amount) == var.monthly_amount
    error_message = "monthly_amount must be a whole number of at least 1."
  }
}

variable "channels" {
  description = "Notification channels that are told; at most five."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.channels) <= 5
    error_message = "channels must be at most five."
  }
}

variable "viewers" {
  description = "Service accounts that may look at the budget: a name for each, and its e-mail."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.viewers : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "viewers must be e-mails of service accounts."
  }
}
