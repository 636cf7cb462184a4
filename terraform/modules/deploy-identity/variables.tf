variable "project_id" {
  description = "The Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "prefix" {
  description = "Start of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.prefix))
    error_message = "prefix must be at most 21 lower-case letters, digits and hyphens."
  }
}

variable "github" {
  description = "Who may deploy: the numbers of the owner and the repository (`gh api repos/OWNER/NAME --jq '.owner.id, .id'`), the ref, and the environment of GitHub whose rules must have been kept."
  type        = object({ owner_id = string, repository_id = string, ref = string, environment = string })

  validation {
    condition     = can(regex("^[0-9]+$", var.github.owner_id)) && can(regex("^[0-9]+$", var.github.repository_id))
    error_message = "github.owner_id and github.repository_id must be numbers, not names."
  }

  validation {
    condition     = can(regex("^refs/(heads|tags)/[A-Za-z0-9._/-]+$", var.github.ref))
    error_message = "github.ref must be one branch or tag, such as refs/heads/main."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.github.environment))
    error_message = "github.environment must be the name of an environment of the repository."
  }
}

variable "roles" {
  description = "What the deployer may do in the project: roll out services, jobs, schedules, topics and alerts, and look at the rest."
  type        = set(string)
  default = [
    "roles/artifactregistry.reader",
    "roles/cloudscheduler.admin",
    "roles/cloudsql.viewer",
    "roles/compute.networkViewer",
    "roles/iam.securityReviewer",
    "roles/iam.serviceAccountViewer",
    "roles/iam.workloadIdentityPoolViewer",
    "roles/monitoring.editor",
    "roles/pubsub.editor",
    "roles/run.developer",
    "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.bucketViewer",
  ]

  validation {
    condition = alltrue([
      for role in var.roles : !can(regex("^roles/(owner|editor|viewer|resourcemanager\\..*|iam\\..*(Admin|User|Creator)|secretmanager\\.(admin|secretAccessor))$", role))
    ])
    error_message = "roles must not hold owner, editor, viewer, or one that gives rights, acts as any account or reads secrets."
  }
}

variable "act_as" {
  description = "Accounts it may start functions and jobs under: a name for each, and its e-mail."
  type        = map(string)

  validation {
    condition     = alltrue([for email in var.act_as : endswith(email, ".iam.gserviceaccount.com")])
    error_message = "act_as must be e-mails of service accounts."
  }
}

variable "state_bucket" {
  description = "The bucket of Terraform's state."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket must be the name of a bucket."
  }
}
