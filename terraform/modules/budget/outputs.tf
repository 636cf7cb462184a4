output "name" {
  description = "The budget's resource name."
  value       = google_billing_budget.this.name
}

output "thresholds" {
  description = "Shares of the amount at which somebody is told."
  value       = sort(distinct([for rule in google_billing_budget.this.threshold_rules : format("%s %.2f", rule.spend_basis, rule.threshold_percent)]))
}
