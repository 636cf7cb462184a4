variable "project_id" {
  description = "The Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where the functions run."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west1."
  }
}

variable "name" {
  description = "Name of the network, and start of the names of its parts."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}[a-z0-9]$", var.name))
    error_message = "name must be lower-case letters, digits and hyphens, at most 42."
  }
}

variable "run_range" {
  description = "Addresses of instances: at least /26; the stack asks for what its functions can need."
  type        = string
  default     = "10.20.0.0/22"

  validation {
    condition     = can(cidrhost(var.run_range, 0)) && try(tonumber(split("/", var.run_range)[1]) <= 26, false)
    error_message = "run_range must be a range of /26 or larger, such as 10.20.0.0/22."
  }
}

variable "services_range" {
  description = "Addresses of the managed database; Google asks for a /24 or larger."
  type        = string
  default     = "10.30.0.0/20"

  validation {
    condition     = can(cidrhost(var.services_range, 0)) && try(tonumber(split("/", var.services_range)[1]) <= 24, false)
    error_message = "services_range must be a range of /24 or larger, such as 10.30.0.0/20."
  }
}

variable "private_targets" {
  description = "What else inside the network functions may reach, such as a ClickHouse of your own: ranges and TCP ports."
  type        = map(object({ ranges = list(string), ports = list(string) }))
  default     = {}

  validation {
    condition = alltrue([
      for target in var.private_targets : length(target.ports) > 0 && alltrue([for range in target.ranges : can(cidrhost(range, 0))])
    ])
    error_message = "private_targets must name ranges such as 10.40.0.0/28 and at least one port each."
  }
}
