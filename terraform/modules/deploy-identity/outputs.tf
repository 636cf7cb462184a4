output "provider" {
  description = "What the workflow names as workload_identity_provider."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "deployer" {
  description = "What the workflow names as service_account."
  value       = "${google_service_account.deployer.account_id}@${var.project_id}.iam.gserviceaccount.com"
}

output "condition" {
  description = "What a token of GitHub must say to be taken."
  value       = google_iam_workload_identity_pool_provider.github.attribute_condition
}

output "roles" {
  description = "What the deployer may do in the project, as the rights were given."
  value       = toset([for binding in google_project_iam_member.roles : binding.role])
}
