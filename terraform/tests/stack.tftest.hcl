# What holds for every environment, and what is refused.
mock_provider "google" {
  source = "./mocks"
}

variables {
  project_id   = "acme-ledger"
  region       = "europe-west1"
  environment  = "test"
  image        = "europe-west1-docker.pkg.dev/acme-ledger/netra-test/functions@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  alert_emails = ["oncall@acme.example"]
  functions = {
    ingest    = { max_instances = 2, concurrency = 40, connections = 8 }
    webhooks  = { max_instances = 2, concurrency = 40, connections = 8 }
    insights  = { max_instances = 2, concurrency = 20, connections = 6 }
    events    = { max_instances = 2, concurrency = 20, connections = 8 }
    patterns  = { max_instances = 1, concurrency = 3 }
    retention = { max_instances = 1, concurrency = 3 }
    health    = { max_instances = 1, concurrency = 10 }
  }
  database = {
    tier             = "db-custom-1-3840"
    highly_available = false
    max_connections  = 102
  }
  clickhouse          = { url = "https://netra@ch.acme.example:8443/netra_analytics" }
  owner_password      = "a-password-of-24-letters-or-more"
  deletion_protection = false
}

# Instances times pool and one: 2 × 9 + 2 × 9 + 2 × 7 + 2 × 9 + 4 + 3 + 7 = 82, and 20 in reserve. A block of sixteen
# addresses for each of seven functions, twice, and one for migrations: 240 of the 252 there are.
run "connections_and_addresses_that_fit" {
  module {
    source = "../modules/stack"
  }
  variables {
    network     = { run_range = "10.20.0.0/24" }
    promoted_to = ["987654321098"]
  }

  assert {
    condition     = module.registry.readers == toset(["roles/artifactregistry.reader serviceAccount:service-987654321098@serverless-robot-prod.iam.gserviceaccount.com"])
    error_message = "Cloud Run of the other project must be able to pull the images, and nobody else: ${jsonencode(module.registry.readers)}."
  }

  assert {
    condition     = output.connections.all == 82 && output.connections.max == 102
    error_message = "The sum of the connections is wrong: ${jsonencode(output.connections)}."
  }

  assert {
    condition     = output.project_roles["ingest"] == toset(["roles/cloudsql.client", "roles/cloudsql.instanceUser"]) && output.project_roles["migrate"] == toset(["roles/cloudsql.client"]) && alltrue([for name in ["pusher", "scheduler"] : length(output.project_roles[name]) == 0])
    error_message = "On the whole project a function may log in to the database, the migrations may connect to it, and nobody may do anything else."
  }

  assert {
    condition     = output.database.logins["ingest"] == "netra-test-ingest@acme-ledger.iam" && length(output.database.logins) == 7
    error_message = "Every function has a login of its own."
  }

  assert {
    condition     = strcontains(output.login_grants, "grant netra_system to \"netra-test-ingest@acme-ledger.iam\" with inherit false, set true;") && length(split("\n", output.login_grants)) == 14
    error_message = "Every login needs both rights, that of all tenants only where it is asked for: ${output.login_grants}"
  }

  assert {
    condition     = output.functions["ingest"].env["NETRA_DATABASE_CONNECTIONS"] == "8"
    error_message = "The pool a function makes must be the one that was counted."
  }

  assert {
    condition     = alltrue([for name in ["events", "patterns", "retention", "health"] : output.functions[name].env["NETRA_CALLER_AUTH"] == "platform"])
    error_message = "Where Cloud Run checks the caller, the function must be told so."
  }
}

run "one_connection_too_many" {
  command = plan
  module {
    source = "../modules/stack"
  }
  variables {
    database = { tier = "db-custom-1-3840", highly_available = false, max_connections = 101 }
  }
  expect_failures = [output.connections]
}

run "one_block_of_addresses_too_many" {
  command = plan
  module {
    source = "../modules/stack"
  }
  variables {
    network  = { run_range = "10.20.0.0/24" }
    database = { tier = "db-custom-1-3840", highly_available = false, max_connections = 300 }
    functions = {
      ingest    = { max_instances = 9, concurrency = 40, connections = 8 }
      webhooks  = { max_instances = 2, concurrency = 40, connections = 8 }
      insights  = { max_instances = 2, concurrency = 20, connections = 6 }
      events    = { max_instances = 2, concurrency = 20, connections = 8 }
      patterns  = { max_instances = 1, concurrency = 3 }
      retention = { max_instances = 1, concurrency = 3 }
      health    = { max_instances = 1, concurrency = 10 }
    }
  }
  expect_failures = [var.network]
}

run "what_is_refused" {
  command = plan
  module {
    source = "../modules/stack"
  }
  variables {
    environment    = "Production"
    network        = { run_range = "10.20.0.0/28" }
    source_secrets = { github-ours = ["insights"] }
    google_sources = { builds = { topic = "cloud-builds", path = "/cloud-build/ours" } }
    watchers       = ["allUsers"]
    promoted_to    = ["acme-prod"]
    archive        = { days_locked = -1 }
    clickhouse     = { url = "https://netra@ch.acme.example:8443/netra_analytics", retention_user = "netra" }
  }
  expect_failures = [var.environment, var.network, var.source_secrets, var.google_sources, var.watchers, var.promoted_to, var.archive, var.clickhouse]
}

run "a_pool_too_small_for_ingest" {
  command = plan
  module {
    source = "../modules/stack"
  }
  variables {
    functions = {
      ingest    = { max_instances = 2, concurrency = 40, connections = 5 }
      webhooks  = { max_instances = 2, concurrency = 40, connections = 8 }
      insights  = { max_instances = 2, concurrency = 20, connections = 6 }
      events    = { max_instances = 2, concurrency = 20, connections = 8 }
      patterns  = { max_instances = 1, concurrency = 3 }
      retention = { max_instances = 1, concurrency = 3 }
      health    = { max_instances = 1, concurrency = 10 }
    }
  }
  expect_failures = [var.functions]
}
