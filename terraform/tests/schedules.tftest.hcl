mock_provider "google" {
  source = "./mocks"
}

variables {
  project_id = "acme-ledger"
  region     = "europe-west1"
  prefix     = "netra-test"
  caller     = "scheduler@acme-ledger.iam.gserviceaccount.com"
  jobs = {
    sweep = { description = "d", schedule = "* * * * *", uri = "https://events.run.app", path = "/sweep", deadline_seconds = 60 }
    full  = { description = "d", schedule = "30 3 * * *", uri = "https://patterns.run.app", path = "/run?mode=full", deadline_seconds = 1800, retries = 3 }
  }
}

run "calls" {
  module {
    source = "../modules/schedules"
  }

  assert {
    condition     = alltrue([for key, job in google_cloud_scheduler_job.this : job.http_target[0].oidc_token[0].audience == var.jobs[key].uri && job.http_target[0].oidc_token[0].service_account_email == var.caller])
    error_message = "The audience is the function's address without a path: with the path Cloud Run answers 401."
  }

  assert {
    condition     = google_cloud_scheduler_job.this["full"].http_target[0].uri == "https://patterns.run.app/run?mode=full" && google_cloud_scheduler_job.this["full"].attempt_deadline == "1800s" && google_cloud_scheduler_job.this["full"].retry_config[0].retry_count == 3
    error_message = "What is called, how long and how often is not what was given."
  }

  assert {
    condition     = alltrue([for job in google_cloud_scheduler_job.this : job.time_zone == "Etc/UTC" && job.http_target[0].http_method == "POST" && job.paused == false])
    error_message = "Schedules are in UTC and post."
  }
}

run "longer_than_cloud_scheduler_waits" {
  command = plan
  module {
    source = "../modules/schedules"
  }
  variables {
    jobs = { full = { description = "d", schedule = "30 3 * * *", uri = "https://patterns.run.app", path = "/run", deadline_seconds = 3600 } }
  }
  expect_failures = [var.jobs]
}
