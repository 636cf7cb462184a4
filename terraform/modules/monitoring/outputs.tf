output "policies" {
  description = "Alert policies by name: how many are told, and what to do."
  value = {
    for name, policy in google_monitoring_alert_policy.this : name => {
      severity  = policy.severity
      channels  = length(policy.notification_channels)
      next_step = policy.documentation[0].content
    }
  }
}

output "channels" {
  description = "Notification channels, for what else should tell the same people."
  value       = local.channels
}

output "dashboard" {
  description = "The dashboard's resource name."
  value       = google_monitoring_dashboard.this.id
}

output "uptime_checks" {
  description = "Hosts that are asked from outside, by name."
  value       = { for key, check in google_monitoring_uptime_check_config.this : key => check.monitored_resource[0].labels.host }
}
