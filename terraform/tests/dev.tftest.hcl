# The first apply of a new project, and what dev may do that prod may not.
mock_provider "google" {
  source = "./mocks"
}

variables {
  project_id     = "acme-trial"
  alert_emails   = ["oncall@acme.example"]
  owner_password = "a-password-of-24-letters-or-more"
  clickhouse     = { url = "https://netra@ch.acme.example:8443/netra_analytics" }
}

run "without_an_image_everything_else_is_made" {
  module {
    source = "../environments/dev"
  }

  assert {
    condition     = length(output.functions) == 0 && length(output.jobs) == 0 && length(output.messaging.subscriptions) == 0 && output.migrate_job == null
    error_message = "Something is deployed although there is no image."
  }

  assert {
    condition     = output.registry == "europe-west1-docker.pkg.dev/acme-trial/netra-dev" && length(output.secrets) == 4
    error_message = "The registry to push to and the places of the secrets must be there before the image."
  }
}

run "with_an_image_everything_runs" {
  module {
    source = "../environments/dev"
  }
  variables {
    image = "europe-west1-docker.pkg.dev/acme-trial/netra-dev/functions@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  }

  assert {
    condition     = length(output.functions) == 7 && alltrue([for function in output.functions : function.instances.min == 0])
    error_message = "Dev must cost nothing while nobody uses it."
  }

  assert {
    condition     = !output.database.protection.deletion_protection && !output.database.protection.has_public_address && output.database.protection.point_in_time
    error_message = "Dev can be torn down, and is as private as prod."
  }

  assert {
    condition     = output.connections.all + 20 <= output.connections.max
    error_message = "The functions together could take more connections than the server has: ${jsonencode(output.connections)}."
  }
}
