data "google_project" "this" {
  project_id = var.project_id
}

locals {
  prefix = "netra-${var.environment}"
  labels = merge({ app = "netra", environment = var.environment }, var.labels)

  deployers = var.deploy == null ? {} : { deployer = module.deploy_identity[0].deployer }
}

module "project" {
  source     = "../project"
  project_id = var.project_id
}

module "network" {
  source          = "../network"
  project_id      = var.project_id
  region          = var.region
  name            = local.prefix
  run_range       = var.network.run_range
  services_range  = var.network.services_range
  private_targets = var.network.private_targets

  depends_on = [module.project]
}

module "registry" {
  source     = "../registry"
  project_id = var.project_id
  region     = var.region
  name       = local.prefix
  labels     = local.labels
  writers    = local.deployers
  # Cloud Run of another project pulls with its own service agent.
  readers = { for number in var.promoted_to : number => "service-${number}@serverless-robot-prod.iam.gserviceaccount.com" }

  depends_on = [module.project]
}

# One account for each function and for the job, each with the little it needs, and one each for Pub/Sub and Cloud Scheduler
# to call with.
module "identities" {
  source     = "../identities"
  project_id = var.project_id
  prefix     = local.prefix
  accounts = merge(
    { for name in keys(local.functions) : name => { description = "Netra ${var.environment}: function ${name}", project_roles = ["roles/cloudsql.client", "roles/cloudsql.instanceUser"] } },
    {
      migrate   = { description = "Netra ${var.environment}: migrations", project_roles = ["roles/cloudsql.client"] }
      pusher    = { description = "Netra ${var.environment}: pushes of Pub/Sub" }
      scheduler = { description = "Netra ${var.environment}: calls of Cloud Scheduler" }
    },
  )

  depends_on = [module.project]
}

locals {
  # A secret may be read by those it is given to, and by nobody else.
  secret_readers = merge(
    { for kind, login in local.analytics_logins : login.secret => [for name, function in local.functions : name if function.analytics == kind] },
    {
      owner-password       = ["migrate"]
      admin-clickhouse-url = ["migrate"]
    },
    { for name, functions in var.source_secrets : "source-${name}" => tolist(functions) },
  )
}

module "secrets" {
  source     = "../secrets"
  project_id = var.project_id
  prefix     = local.prefix
  region     = var.region
  labels     = local.labels
  secrets = {
    for key, readers in local.secret_readers : key => { accessors = { for name in readers : name => module.identities.emails[name] } }
  }

  depends_on = [module.project]
}

module "database" {
  source     = "../database"
  project_id = var.project_id
  region     = var.region
  name       = local.prefix
  labels     = local.labels
  network    = module.network.database_network

  database_version       = var.database.version
  tier                   = var.database.tier
  highly_available       = var.database.highly_available
  disk_gb                = var.database.disk_gb
  disk_gb_max            = var.database.disk_gb_max
  max_connections        = var.database.max_connections
  flags                  = var.database.flags
  backups_kept           = var.database.backups_kept
  replica                = var.database.replica
  certificates_required  = var.database.certificates_required
  deletion_protection    = var.deletion_protection
  owner_password         = var.owner_password
  owner_password_version = var.owner_password_version
  owner_password_secret  = "projects/${var.project_id}/secrets/${module.secrets.ids["owner-password"]}"
  accounts               = { for name in keys(local.functions) : name => module.identities.emails[name] }

  depends_on = [module.project]
}

module "archive" {
  source      = "../archive"
  project_id  = var.project_id
  region      = var.region
  name        = "${var.project_id}-${local.prefix}-archive"
  labels      = local.labels
  days_locked = var.archive.days_locked
  users       = { retention = module.identities.emails["retention"] }

  depends_on = [module.project]
}

module "messaging" {
  source         = "../messaging"
  project_id     = var.project_id
  project_number = data.google_project.this.number
  region         = var.region
  prefix         = local.prefix
  labels         = local.labels
  pusher         = module.identities.emails["pusher"]

  topics = {
    events = { publishers = { for name, function in local.functions : name => module.identities.emails[name] if function.publishes } }
  }
  push_subscriptions = var.image == null ? {} : merge(
    {
      events = { topic = "events", endpoint = "${module.functions["events"].uri}/push", audience = module.functions["events"].uri }
    },
    {
      for name, source in var.google_sources : name => {
        topic    = source.topic
        endpoint = "${module.functions["webhooks"].uri}${source.path}"
        audience = module.functions["webhooks"].uri
      }
    },
  )

  depends_on = [module.project]
}

module "schedules" {
  source     = "../schedules"
  project_id = var.project_id
  region     = var.region
  prefix     = local.prefix
  caller     = module.identities.emails["scheduler"]
  paused     = var.schedules_paused
  jobs = {
    for key, job in local.jobs : key => {
      description      = job.description
      schedule         = job.schedule
      uri              = module.functions[job.function].uri
      path             = job.path
      audience         = lookup(local.environments[job.function], "NETRA_CALLER_AUDIENCE", null)
      deadline_seconds = job.deadline
      retries          = job.retries
    } if var.image != null
  }

  depends_on = [module.project]
}

module "monitoring" {
  source     = "../monitoring"
  project_id = var.project_id
  prefix     = local.prefix
  labels     = local.labels
  emails     = var.alert_emails
  channels   = var.alert_channels
  public_hosts = {
    for name, function in local.deployed : name => trimprefix(module.functions[name].uri, "https://") if function.is_public
  }
  alerts = [
    for alert in yamldecode(templatefile("${path.module}/../../alerts.yaml", {
      project_id      = var.project_id
      prefix          = local.prefix
      database        = local.prefix
      max_connections = var.database.max_connections
    })) : alert if alert.name != "replica-late" || var.database.replica != null
  ]

  depends_on = [module.project]
}

module "budget" {
  source          = "../budget"
  count           = var.budget == null ? 0 : 1
  name            = local.prefix
  billing_account = var.budget.billing_account
  currency        = var.budget.currency
  monthly_amount  = var.budget.monthly_amount
  project_number  = data.google_project.this.number
  channels        = slice(module.monitoring.channels, 0, min(5, length(var.alert_emails) + length(var.alert_channels)))
  viewers         = local.deployers

  depends_on = [module.project]
}

module "deploy_identity" {
  source       = "../deploy-identity"
  count        = var.deploy == null ? 0 : 1
  project_id   = var.project_id
  prefix       = local.prefix
  github       = var.deploy.github
  state_bucket = var.deploy.state_bucket
  act_as       = { for name in concat(keys(local.functions), ["migrate", "pusher", "scheduler"]) : name => module.identities.emails[name] }

  depends_on = [module.project]
}
