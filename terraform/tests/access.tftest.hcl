# Who may do what: accounts, secrets, archives, and whoever deploys.
mock_provider "google" {
  source = "./mocks"
}

variables {
  project_id = "acme-ledger"
  region     = "europe-west1"
  prefix     = "netra-test"
}

run "deployer" {
  module {
    source = "../modules/deploy-identity"
  }
  variables {
    github       = { owner_id = "11", repository_id = "22", ref = "refs/heads/main", environment = "prod" }
    act_as       = { ingest = "ingest@acme-ledger.iam.gserviceaccount.com" }
    state_bucket = "acme-ledger-terraform"
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository_owner_id == \"11\" && assertion.repository_id == \"22\" && assertion.ref == \"refs/heads/main\" && assertion.environment == \"prod\""
    error_message = "Without the whole condition other repositories or branches get a token."
  }

  assert {
    condition     = endswith(google_service_account_iam_member.github.member, "/attribute.repository_id/22") && google_service_account_iam_member.github.role == "roles/iam.workloadIdentityUser"
    error_message = "Only the one repository may become the deployer."
  }

  assert {
    condition     = alltrue([for binding in google_service_account_iam_member.act_as : binding.role == "roles/iam.serviceAccountUser"]) && keys(google_service_account_iam_member.act_as) == ["ingest"]
    error_message = "The deployer acts as the accounts that are named."
  }

  assert {
    condition = output.roles == toset([
      "roles/artifactregistry.reader", "roles/cloudscheduler.admin", "roles/cloudsql.viewer", "roles/compute.networkViewer", "roles/iam.securityReviewer", "roles/iam.serviceAccountViewer", "roles/iam.workloadIdentityPoolViewer",
      "roles/monitoring.editor", "roles/pubsub.editor", "roles/run.developer", "roles/secretmanager.viewer", "roles/serviceusage.serviceUsageConsumer", "roles/storage.bucketViewer",
    ])
    error_message = "The deployer may do more or less than it must: ${jsonencode(output.roles)}."
  }
}

run "a_deployer_for_any_branch_that_reads_secrets" {
  command = plan
  module {
    source = "../modules/deploy-identity"
  }
  variables {
    github       = { owner_id = "11", repository_id = "22", ref = "*", environment = "prod" }
    act_as       = {}
    state_bucket = "acme-ledger-terraform"
    roles        = ["roles/secretmanager.secretAccessor"]
  }
  expect_failures = [var.roles, var.github]
}

run "an_account_that_may_change_the_project" {
  command = plan
  module {
    source = "../modules/identities"
  }
  variables {
    accounts = { ingest = { description = "d", project_roles = ["roles/editor"] } }
  }
  expect_failures = [var.accounts]
}

run "secrets" {
  module {
    source = "../modules/secrets"
  }
  variables {
    secrets = {
      database-url = { accessors = { ingest = "ingest@acme-ledger.iam.gserviceaccount.com", events = "events@acme-ledger.iam.gserviceaccount.com" } }
      other        = { accessors = { events = "events@acme-ledger.iam.gserviceaccount.com" } }
    }
  }

  assert {
    condition     = length(google_secret_manager_secret_iam_member.accessors) == 3 && alltrue([for binding in google_secret_manager_secret_iam_member.accessors : binding.role == "roles/secretmanager.secretAccessor"])
    error_message = "Each reader has the right to read, and no other."
  }

  assert {
    condition     = output.accessors["other"] == toset(["serviceAccount:events@acme-ledger.iam.gserviceaccount.com"]) && google_secret_manager_secret_iam_member.accessors["other events"].secret_id == "netra-test-other"
    error_message = "A right is given on one secret."
  }

  assert {
    condition     = google_secret_manager_secret.this["other"].replication[0].user_managed[0].replicas[0].location == "europe-west1"
    error_message = "Secrets stay in their region."
  }
}

run "a_secret_for_everybody" {
  command = plan
  module {
    source = "../modules/secrets"
  }
  variables {
    secrets = { database-url = { accessors = { everyone = "allAuthenticatedUsers" } } }
  }
  expect_failures = [var.secrets]
}

run "archive" {
  module {
    source = "../modules/archive"
  }
  variables {
    name  = "acme-ledger-archive"
    users = { retention = "retention@acme-ledger.iam.gserviceaccount.com" }
  }

  assert {
    condition     = google_storage_bucket.this.public_access_prevention == "enforced" && google_storage_bucket.this.uniform_bucket_level_access && google_storage_bucket.this.versioning[0].enabled && !google_storage_bucket.this.force_destroy
    error_message = "Archives are never public, and never gone at one stroke."
  }

  assert {
    condition     = jsonencode([for rule in google_storage_bucket.this.lifecycle_rule : [rule.condition[0].with_state, rule.condition[0].age, rule.condition[0].days_since_noncurrent_time] if rule.action[0].type == "Delete"]) == jsonencode([["ARCHIVED", null, 30]])
    error_message = "No age deletes an archive that retention has on its record."
  }
}

run "network" {
  module {
    source = "../modules/network"
  }
  variables {
    name = "netra-test"
  }

  assert {
    condition     = length(google_compute_firewall.rest.deny) == 1 && google_compute_firewall.rest.priority > google_compute_firewall.database.priority && google_compute_firewall.rest.direction == "EGRESS"
    error_message = "Inside the network functions reach the database and nothing else."
  }

  assert {
    condition     = [for rule in google_compute_firewall.database.allow : rule.ports] == [tolist(["3307"])]
    error_message = "The database is reached through a connector alone, which brings a certificate."
  }

  assert {
    condition     = google_compute_firewall.database.destination_ranges == toset(["10.30.0.0/20"]) && output.run.tags == ["netra-test-run"] && google_compute_firewall.database.target_tags == toset(output.run.tags) && google_compute_firewall.rest.target_tags == toset(output.run.tags)
    error_message = "The firewall must know the functions' instances by their tag."
  }
}
