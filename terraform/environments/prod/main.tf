# For a team: the intake waits for senders, the database has a second machine, and nothing of value can be deleted by mistake.
module "netra" {
  source = "../../modules/stack"

  environment = "prod"
  project_id  = var.project_id
  region      = var.region
  image       = var.image

  functions = {
    ingest    = { min_instances = 1, max_instances = 10, concurrency = 80, connections = 8 }
    webhooks  = { min_instances = 1, max_instances = 8, concurrency = 40, connections = 6, memory = "1Gi" }
    insights  = { max_instances = 6, concurrency = 40, connections = 6 }
    events    = { max_instances = 6, concurrency = 20, connections = 8, memory = "1Gi" }
    patterns  = { max_instances = 1, concurrency = 3 }
    retention = { max_instances = 1, concurrency = 3, memory = "1Gi" }
    health    = { max_instances = 2, concurrency = 10 }
  }

  database = {
    tier             = "db-custom-4-15360"
    highly_available = true
    disk_gb          = 100
    disk_gb_max      = 1000
    max_connections  = 300
    backups_kept     = 30
    replica          = var.database_replica
  }

  owner_password         = var.owner_password
  owner_password_version = var.owner_password_version
  clickhouse             = var.clickhouse
  source_secrets         = var.source_secrets
  promoted_to            = var.promoted_to
  google_sources         = var.google_sources
  watchers               = var.watchers
  alert_emails           = var.alert_emails
  alert_channels         = var.alert_channels
  budget                 = var.budget
  deploy                 = var.deploy
  deletion_protection    = true
}
