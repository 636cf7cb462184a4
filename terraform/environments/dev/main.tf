# The smallest that works: nothing waits, one zone, and everything can be torn down.
module "netra" {
  source = "../../modules/stack"

  environment = "dev"
  project_id  = var.project_id
  region      = var.region
  image       = var.image

  functions = {
    ingest    = { max_instances = 2, concurrency = 40, connections = 6 }
    webhooks  = { max_instances = 2, concurrency = 40, connections = 4 }
    insights  = { max_instances = 2, concurrency = 20, connections = 4 }
    events    = { max_instances = 2, concurrency = 20, connections = 6 }
    patterns  = { max_instances = 1, concurrency = 3 }
    retention = { max_instances = 1, concurrency = 3 }
    health    = { max_instances = 1, concurrency = 10 }
  }

  database = {
    tier             = "db-custom-1-3840"
    highly_available = false
    disk_gb          = 10
    disk_gb_max      = 50
    max_connections  = 100
  }

  owner_password         = var.owner_password
  owner_password_version = var.owner_password_version
  clickhouse             = var.clickhouse
  source_secrets         = var.source_secrets
  promoted_to            = var.promoted_to
  google_sources         = var.google_sources
  watchers               = var.watchers
  alert_emails           = var.alert_emails
  budget                 = var.budget
  deploy                 = var.deploy
  deletion_protection    = false
}
