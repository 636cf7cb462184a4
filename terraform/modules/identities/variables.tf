variable "project_id" {
  description = "The Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "prefix" {
  description = "Start of every account's id."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,16}$", var.prefix))
    error_message = "prefix must be at most 17 lower-case letters, digits and hyphens."
  }
}

variable "accounts" {
  description = "One service account for each key: what it is for, and the few roles it needs on the whole project."
  type        = map(object({ description = string, project_roles = optional(set(string), []) }))

  validation {
    condition     = alltrue([for key in keys(var.accounts) : can(regex("^[a-z][a-z0-9-]{1,11}$", key))])
    error_message = "accounts must be named with at most 12 lower-case letters, digits and hyphens."
  }

  validation {
    condition = alltrue(flatten([
      for account in var.accounts : [for role in account.project_roles : contains(["roles/cloudsql.client", "roles/cloudsql.instanceUser", "roles/cloudtrace.agent"], role)]
    ]))
    error_message = "accounts may have cloudsql.client, cloudsql.instanceUser and cloudtrace.agent on the project; anything else is given on the one resource it is for."
  }
}
