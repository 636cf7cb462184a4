variable "project_id" {
  description = "The Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "prefix" {
  description = "Start of every name, and title of the dashboard."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}$", var.prefix))
    error_message = "prefix must be lower-case letters, digits and hyphens."
  }
}

variable "labels" {
  description = "Labels of the alert policies."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be lower-case letters, digits, _ and -."
  }
}

variable "emails" {
  description = "Who is told by e-mail."
  type        = set(string)

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "emails must be e-mail addresses."
  }
}

variable "channels" {
  description = "Other notification channels, such as a pager's, by their resource names."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "channels must be projects/PROJECT/notificationChannels/NUMBER."
  }

  validation {
    condition     = length(var.emails) + length(var.channels) > 0
    error_message = "somebody must be told: give at least one e-mail address or channel."
  }
}

variable "public_hosts" {
  description = "Hosts that are asked from outside every five minutes: a name for each."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for host in var.public_hosts : !strcontains(host, "/")])
    error_message = "public_hosts must be hosts, without https:// and path."
  }
}

variable "alerts" {
  description = "What somebody is told of; see alerts.yaml."
  type = list(object({
    name               = string
    title              = string
    kind               = string
    severity           = string
    filter             = string
    next_step          = string
    rule               = optional(string)
    denominator_filter = optional(string)
    aligner            = optional(string)
    reducer            = optional(string)
    group_by           = optional(list(string), [])
    comparison         = optional(string)
    threshold          = optional(number)
    for_seconds        = optional(number, 0)
    labels             = optional(map(string))
  }))

  validation {
    condition     = length(distinct([for alert in var.alerts : alert.name])) == length(var.alerts)
    error_message = "alerts must have different names."
  }

  validation {
    condition     = alltrue([for alert in var.alerts : contains(["threshold", "ratio", "absent", "log"], alert.kind)])
    error_message = "kind must be threshold, ratio, absent or log."
  }

  validation {
    condition     = alltrue([for alert in var.alerts : contains(["CRITICAL", "ERROR", "WARNING"], alert.severity)])
    error_message = "severity must be CRITICAL, ERROR or WARNING."
  }

  validation {
    condition     = alltrue([for alert in var.alerts : alert.threshold != null && alert.comparison != null && alert.aligner != null if contains(["threshold", "ratio"], alert.kind)])
    error_message = "a threshold or ratio needs threshold, comparison and aligner."
  }

  validation {
    condition     = alltrue([for alert in var.alerts : (alert.denominator_filter != null) == (alert.kind == "ratio")])
    error_message = "a ratio has a denominator_filter, and nothing else has."
  }

  validation {
    condition     = alltrue([for alert in var.alerts : alert.for_seconds % 60 == 0 && (alert.kind != "absent" || alert.for_seconds >= 120)])
    error_message = "for_seconds must be whole minutes, and at least two for what is absent."
  }

  validation {
    condition     = alltrue([for alert in var.alerts : length(alert.next_step) >= 20])
    error_message = "next_step must tell what to do."
  }
}
