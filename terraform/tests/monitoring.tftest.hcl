mock_provider "google" {
  source = "./mocks"
}

variables {
  project_id   = "acme-ledger"
  prefix       = "netra-test"
  emails       = ["oncall@acme.example"]
  labels       = { app = "netra" }
  public_hosts = { ingest = "ingest.run.app" }
  alerts = [
    { name = "errors", title = "Errors", kind = "ratio", severity = "CRITICAL", filter = "f", denominator_filter = "d", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", comparison = "COMPARISON_GT", threshold = 0.05, for_seconds = 300, next_step = "Look at the log of it." },
    { name = "silent", title = "Silent", kind = "absent", severity = "CRITICAL", filter = "f", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", for_seconds = 600, next_step = "Look at the log of it." },
    { name = "failed", title = "Failed", kind = "log", severity = "WARNING", filter = "f", next_step = "Look at the log of it." },
  ]
}

run "alerts_and_dashboard" {
  module {
    source = "../modules/monitoring"
  }

  assert {
    condition     = alltrue([for policy in output.policies : policy.channels == 1 && length(policy.next_step) > 0])
    error_message = "Somebody is told of every alert, and what to do."
  }

  assert {
    condition     = length(google_monitoring_alert_policy.this["errors"].conditions[0].condition_threshold) == 1 && length(google_monitoring_alert_policy.this["silent"].conditions[0].condition_absent) == 1 && length(google_monitoring_alert_policy.this["failed"].conditions[0].condition_matched_log) == 1
    error_message = "An alert became the wrong kind of condition."
  }

  assert {
    condition     = length(google_monitoring_alert_policy.this["failed"].alert_strategy[0].notification_rate_limit) == 1 && length(google_monitoring_alert_policy.this["errors"].alert_strategy[0].notification_rate_limit) == 0
    error_message = "Google takes a rate limit with lines of logs, and only with them."
  }

  assert {
    condition     = [for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : tile.widget.title] == ["Errors", "Silent"] && jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles[0].widget.xyChart.thresholds[0].value == 0.05
    error_message = "The dashboard shows every figure that is watched, with its threshold."
  }

  assert {
    condition     = !can(regex("null|:0[,}]|\\[\\]|\\{\\}", google_monitoring_dashboard.this.dashboard_json)) && jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles[1].xPos == 6
    error_message = "What Google leaves out when it gives the dashboard back would be a change in every plan: ${google_monitoring_dashboard.this.dashboard_json}"
  }

  assert {
    condition     = alltrue([for channel in google_monitoring_notification_channel.email : channel.user_labels == var.labels]) && google_monitoring_uptime_check_config.this["ingest"].user_labels == var.labels
    error_message = "Channels and checks from outside must be labelled."
  }

  assert {
    condition     = keys(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles[0].widget.xyChart.dataSets[0].timeSeriesQuery) == ["timeSeriesFilterRatio"] && keys(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles[1].widget.xyChart.dataSets[0].timeSeriesQuery) == ["timeSeriesFilter"]
    error_message = "A chart has exactly one query."
  }
}

run "nobody_to_tell" {
  command = plan
  module {
    source = "../modules/monitoring"
  }
  variables {
    emails = []
  }
  expect_failures = [var.channels]
}
