resource "google_cloud_scheduler_job" "this" {
  for_each = var.jobs

  project          = var.project_id
  region           = var.region
  name             = "${var.prefix}-${each.key}"
  description      = each.value.description
  schedule         = each.value.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "${each.value.deadline_seconds}s"
  paused           = var.paused

  # What is called every minute is not tried again: the next minute comes first.
  retry_config {
    retry_count          = each.value.retries
    min_backoff_duration = "30s"
    max_backoff_duration = "600s"
  }

  http_target {
    http_method = "POST"
    uri         = "${each.value.uri}${each.value.path}"
    oidc_token {
      service_account_email = var.caller
      audience              = coalesce(each.value.audience, each.value.uri)
    }
  }
}
