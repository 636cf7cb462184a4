resource "google_monitoring_notification_channel" "email" {
  for_each = var.emails

  project      = var.project_id
  display_name = "${var.prefix} ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
  user_labels  = var.labels
}

locals {
  channels = concat([for channel in google_monitoring_notification_channel.email : channel.id], var.channels)
  alerts   = { for alert in var.alerts : alert.name => alert }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  project               = var.project_id
  display_name          = "${var.prefix}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels
  user_labels           = merge(var.labels, { alert = each.key }, each.value.rule == null ? {} : { rule = each.value.rule })

  documentation {
    content   = each.value.next_step
    mime_type = "text/markdown"
  }

  conditions {
    display_name = each.value.title

    dynamic "condition_threshold" {
      for_each = contains(["threshold", "ratio"], each.value.kind) ? [each.value] : []
      content {
        filter             = condition_threshold.value.filter
        denominator_filter = condition_threshold.value.denominator_filter
        comparison         = condition_threshold.value.comparison
        threshold_value    = condition_threshold.value.threshold
        duration           = "${condition_threshold.value.for_seconds}s"

        aggregations {
          alignment_period     = "60s"
          per_series_aligner   = condition_threshold.value.aligner
          cross_series_reducer = condition_threshold.value.reducer
          group_by_fields      = condition_threshold.value.group_by
        }

        dynamic "denominator_aggregations" {
          for_each = condition_threshold.value.kind == "ratio" ? [condition_threshold.value] : []
          content {
            alignment_period     = "60s"
            per_series_aligner   = denominator_aggregations.value.aligner
            cross_series_reducer = denominator_aggregations.value.reducer
            group_by_fields      = denominator_aggregations.value.group_by
          }
        }
      }
    }

    dynamic "condition_absent" {
      for_each = each.value.kind == "absent" ? [each.value] : []
      content {
        filter   = condition_absent.value.filter
        duration = "${condition_absent.value.for_seconds}s"

        aggregations {
          alignment_period     = "60s"
          per_series_aligner   = condition_absent.value.aligner
          cross_series_reducer = condition_absent.value.reducer
        }
      }
    }

    dynamic "condition_matched_log" {
      for_each = each.value.kind == "log" ? [each.value] : []
      content {
        filter           = condition_matched_log.value.filter
        label_extractors = condition_matched_log.value.labels
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"

    # Google wants this with lines of logs, and only with them.
    dynamic "notification_rate_limit" {
      for_each = each.value.kind == "log" ? [true] : []
      content {
        period = "900s"
      }
    }
  }
}

# Asked for what it does not have, a public function says so in its own words: name, certificate, network and process are all well.
resource "google_monitoring_uptime_check_config" "this" {
  for_each = var.public_hosts

  project      = var.project_id
  display_name = "${var.prefix} ${each.key}"
  period       = "300s"
  timeout      = "10s"
  user_labels  = var.labels

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project_id, host = each.value }
  }

  http_check {
    path         = "/"
    port         = 443
    use_ssl      = true
    validate_ssl = true
    dynamic "accepted_response_status_codes" {
      for_each = [404, 405]
      content {
        status_value = accepted_response_status_codes.value
      }
    }
  }

  content_matchers {
    matcher = "MATCHES_REGEX"
    content = "\"status\":40[45]"
  }
}

resource "google_monitoring_alert_policy" "uptime" {
  count = length(var.public_hosts) == 0 ? 0 : 1

  project               = var.project_id
  display_name          = "${var.prefix}: A public function does not answer"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels
  user_labels           = merge(var.labels, { alert = "uptime" })

  documentation {
    content   = "Asked from several places of the world, it did not answer. Look at the latest revision and roll back to the previous image."
    mime_type = "text/markdown"
  }

  dynamic "conditions" {
    for_each = google_monitoring_uptime_check_config.this
    content {
      display_name = conditions.key
      condition_threshold {
        filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${conditions.value.uptime_check_id}\""
        comparison      = "COMPARISON_GT"
        threshold_value = 1
        duration        = "300s"
        aggregations {
          alignment_period     = "300s"
          per_series_aligner   = "ALIGN_NEXT_OLDER"
          cross_series_reducer = "REDUCE_COUNT_FALSE"
          group_by_fields      = ["resource.labels.host"]
        }
      }
    }
  }
}

locals {
  charts = [for alert in var.alerts : alert if alert.kind != "log"]
  aggregations = { for alert in local.charts : alert.name => merge(
    {
      alignmentPeriod    = "60s"
      perSeriesAligner   = alert.aligner
      crossSeriesReducer = alert.reducer
    },
    length(alert.group_by) == 0 ? {} : { groupByFields = alert.group_by },
  ) }
}

# One chart for each figure that is watched, with the line above which somebody is told. Google leaves out zeros and what is
# empty when it gives a dashboard back; written here they would be a change in every plan.
resource "google_monitoring_dashboard" "this" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName = var.prefix
    mosaicLayout = {
      columns = 12
      tiles = [for index, alert in local.charts : merge({ for side, place in { xPos = index % 2 * 6, yPos = floor(index / 2) * 4 } : side => place if place != 0 }, {
        width  = 6
        height = 4
        widget = {
          title = alert.title
          xyChart = merge(alert.threshold == null ? {} : { thresholds = [{ value = alert.threshold }] }, {
            dataSets = [{
              plotType = "LINE"
              # Both kinds of query, of which the one that fits is taken.
              timeSeriesQuery = { for kind, query in {
                timeSeriesFilterRatio = {
                  numerator   = { filter = alert.filter, aggregation = local.aggregations[alert.name] }
                  denominator = { filter = alert.denominator_filter, aggregation = local.aggregations[alert.name] }
                }
                timeSeriesFilter = { filter = alert.filter, aggregation = local.aggregations[alert.name] }
              } : kind => query if(kind == "timeSeriesFilterRatio") == (alert.kind == "ratio") }
            }]
          })
        }
      })]
    }
  })
}
