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

variable "target" {
  description = "The function to serve, given as FUNCTION_TARGET."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.target))
    error_message = "target must be the name of a function."
  }
}

variable "image" {
  description = "The image by its digest, so that what runs is what was tested."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must end in @sha256: and the digest; a tag can mean another image tomorrow."
  }
}

variable "service_account" {
  description = "E-mail of the account the function runs as."
  type        = string

  validation {
    condition     = endswith(var.service_account, ".iam.gserviceaccount.com") && !can(regex("compute@developer", var.service_account))
    error_message = "service_account must be the e-mail of an account of the function's own."
  }
}

variable "env" {
  description = "Variables of the environment. Secrets are told as references, and read while the function runs."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.env) : can(regex("^[A-Z][A-Z0-9_]*$", name)) && name != "FUNCTION_TARGET"])
    error_message = "env must be named in capitals; FUNCTION_TARGET comes from target."
  }

  validation {
    condition     = alltrue([for value in var.env : !can(regex("://[^/@]+:[^/@]+@|-----BEGIN", value))])
    error_message = "env must not hold addresses with passwords or private keys; give a reference to Secret Manager."
  }
}

variable "min_instances" {
  description = "Instances that wait for requests."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances must be a whole number."
  }
}

variable "max_instances" {
  description = "Instances there may be; each has its own connections to the database."
  type        = number

  validation {
    condition     = var.max_instances >= 1 && var.max_instances >= var.min_instances && var.max_instances <= 100 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances must be a whole number from 1 to 100, and not less than min_instances."
  }
}

variable "concurrency" {
  description = "Requests one instance serves at the same time."
  type        = number

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency must be a whole number from 1 to 1000."
  }
}

variable "cpu" {
  description = "Processors of one instance."
  type        = string
  default     = "1"

  validation {
    condition     = contains(["1", "2", "4"], var.cpu)
    error_message = "cpu must be 1, 2 or 4: an instance with less serves one request at a time."
  }
}

variable "memory" {
  description = "Memory of one instance."
  type        = string
  default     = "512Mi"

  validation {
    condition     = contains(["512Mi", "1Gi", "2Gi", "4Gi"], var.memory)
    error_message = "memory must be 512Mi, 1Gi, 2Gi or 4Gi."
  }
}

variable "cpu_idle" {
  description = "Whether the processor is taken away while nothing is being answered, which is cheaper."
  type        = bool
  nullable    = false
  default     = true
}

variable "timeout_seconds" {
  description = "How long a request may take."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 3600 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 1 to 3600."
  }
}

variable "network" {
  description = "Where instances are attached: network, subnetwork, and tags for the firewall."
  type        = object({ network = string, subnetwork = string, tags = list(string) })

  validation {
    condition     = length(var.network.tags) > 0
    error_message = "network.tags must name the tag the firewall knows functions by."
  }
}

variable "ingress" {
  description = "From where requests are taken. INGRESS_TRAFFIC_INTERNAL_ONLY takes those of Pub/Sub and Cloud Scheduler of the same project too."
  type        = string
  default     = "INGRESS_TRAFFIC_INTERNAL_ONLY"

  validation {
    condition     = contains(["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"], var.ingress)
    error_message = "ingress must be INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY or INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  }
}

variable "is_public" {
  description = "Whether anybody may call it: only for a function that checks its callers itself."
  type        = bool
  nullable    = false
  default     = false
}

variable "invokers" {
  description = "Who may call it: a name for each, and the member, such as serviceAccount:E-MAIL."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in var.invokers : can(regex("^(serviceAccount|user|group):[^@]+@[^@]+$", member))])
    error_message = "invokers must be serviceAccount:, user: or group: and an e-mail; everyone is is_public."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service."
  type        = bool
  nullable    = false
  default     = true
}
