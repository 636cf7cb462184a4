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

variable "labels" {
  description = "Labels of everything made here."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be lower-case letters, digits, _ and -."
  }
}

variable "project_number" {
  description = "The project's number, by which Google names the service agent of Pub/Sub."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "project_number must be a number."
  }
}

variable "topics" {
  description = "Topics by the end of their name, and who may publish: a name for each, and the e-mail of its service account."
  type        = map(object({ publishers = map(string) }))

  validation {
    condition     = alltrue([for key in keys(var.topics) : can(regex("^[a-z][a-z0-9-]{1,100}$", key)) && !startswith(key, "goog")])
    error_message = "topics must be named with lower-case letters, digits and hyphens, and not begin with goog."
  }

  validation {
    condition     = alltrue(flatten([for topic in var.topics : [for email in topic.publishers : endswith(email, ".iam.gserviceaccount.com")]]))
    error_message = "publishers must be e-mails of service accounts."
  }
}

variable "pusher" {
  description = "E-mail of the account whose token each push carries."
  type        = string

  validation {
    condition     = endswith(var.pusher, ".iam.gserviceaccount.com")
    error_message = "pusher must be the e-mail of a service account."
  }
}

variable "push_subscriptions" {
  description = <<-TEXT
    Push subscriptions by the end of their name: the topic (a key of topics, or the full name of another), where messages go,
    the audience of the token, how long an answer is waited for, how long is waited before a message comes again, and after
    how many attempts it goes to the dead letters, which every one has.
  TEXT
  type = map(object({
    topic                = string
    endpoint             = string
    audience             = string
    ack_deadline_seconds = optional(number, 120)
    backoff_seconds      = optional(object({ min = number, max = number }), { min = 10, max = 600 })
    attempts_max         = optional(number, 10)
  }))

  validation {
    condition     = alltrue([for push in var.push_subscriptions : strcontains(push.topic, "/") ? can(regex("^projects/[^/]+/topics/[^/]+$", push.topic)) : contains(keys(var.topics), push.topic)])
    error_message = "push_subscriptions must name a key of topics or projects/PROJECT/topics/TOPIC."
  }

  validation {
    condition     = alltrue([for push in var.push_subscriptions : startswith(push.endpoint, "https://") && push.audience != ""])
    error_message = "push_subscriptions must go to https addresses, with an audience."
  }

  validation {
    condition     = alltrue([for push in var.push_subscriptions : push.ack_deadline_seconds >= 60 && push.ack_deadline_seconds <= 600])
    error_message = "ack_deadline_seconds must be from 60 to 600."
  }

  validation {
    condition     = alltrue([for push in var.push_subscriptions : push.attempts_max >= 5 && push.attempts_max <= 100])
    error_message = "attempts_max must be from 5 to 100."
  }

  validation {
    condition     = alltrue([for push in var.push_subscriptions : push.backoff_seconds.min >= 1 && push.backoff_seconds.min <= push.backoff_seconds.max && push.backoff_seconds.max <= 600])
    error_message = "backoff_seconds must lie between 1 and 600, min before max."
  }
}
