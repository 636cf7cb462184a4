output "services" {
  description = "APIs that are on. Wait for this before anything that calls one."
  value       = toset([for service in google_project_service.this : service.service])
}

output "audited_services" {
  description = "APIs whose reads and writes are logged."
  value       = toset([for config in google_project_iam_audit_config.this : config.service])
}
