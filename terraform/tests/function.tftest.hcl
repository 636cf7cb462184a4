mock_provider "google" {
  source = "./mocks"
}

variables {
  project_id      = "acme-ledger"
  region          = "europe-west1"
  name            = "netra-test-events"
  target          = "events"
  image           = "europe-west1-docker.pkg.dev/acme-ledger/netra/functions@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  service_account = "netra-test-events@acme-ledger.iam.gserviceaccount.com"
  network         = { network = "n", subnetwork = "s", tags = ["netra-test-run"] }
  max_instances   = 3
  concurrency     = 20
}

run "private_by_default" {
  module {
    source = "../modules/function"
  }
  variables {
    invokers = { scheduler = "serviceAccount:scheduler@acme-ledger.iam.gserviceaccount.com" }
    env      = { GOOGLE_CLOUD_PROJECT = "acme-ledger" }
  }

  assert {
    condition     = [for binding in google_cloud_run_v2_service_iam_member.invokers : binding.member] == ["serviceAccount:scheduler@acme-ledger.iam.gserviceaccount.com"]
    error_message = "Only who is named may call."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && google_cloud_run_v2_service.this.deletion_protection
    error_message = "By default a function is not reached from the internet, and not deleted by mistake."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].vpc_access[0].egress == "PRIVATE_RANGES_ONLY" && google_cloud_run_v2_service.this.template[0].vpc_access[0].network_interfaces[0].tags == tolist(["netra-test-run"])
    error_message = "Instances must be attached to the network, with the tag the firewall knows."
  }

  assert {
    condition = output.env == {
      FUNCTION_TARGET      = "events"
      GOOGLE_CLOUD_PROJECT = "acme-ledger"
    }
    error_message = "The environment is not what was given: ${jsonencode(output.env)}."
  }

  assert {
    condition     = output.instances == { min = 0, max = 3 } && google_cloud_run_v2_service.this.template[0].max_instance_request_concurrency == 20 && google_cloud_run_v2_service.this.template[0].timeout == "60s"
    error_message = "Instances, concurrency or timeout are not what was given."
  }
}

run "public_where_it_is_said" {
  module {
    source = "../modules/function"
  }
  variables {
    is_public = true
  }
  assert {
    condition     = output.invokers == toset(["allUsers"])
    error_message = "A public function is for everybody."
  }
}

run "what_is_refused" {
  command = plan
  module {
    source = "../modules/function"
  }
  variables {
    image           = "europe-west1-docker.pkg.dev/acme-ledger/netra/functions:latest"
    min_instances   = 4
    max_instances   = 3
    env             = { DATABASE_URL = "postgres://netra:hunter2@10.30.0.3/netra" }
    invokers        = { everyone = "allUsers" }
    service_account = "123-compute@developer.gserviceaccount.com"
  }
  expect_failures = [var.image, var.max_instances, var.env, var.invokers, var.service_account]
}
