output "uri" {
  description = "Where the function is called, and the audience of tokens for it."
  value       = google_cloud_run_v2_service.this.uri
}

output "name" {
  description = "Name of the service."
  value       = google_cloud_run_v2_service.this.name
}

output "invokers" {
  description = "Who may call it, as the rights were given."
  value       = toset([for binding in google_cloud_run_v2_service_iam_member.invokers : binding.member])
}

output "service_account" {
  description = "The account it runs as."
  value       = google_cloud_run_v2_service.this.template[0].service_account
}

output "ingress" {
  description = "From where requests are taken."
  value       = google_cloud_run_v2_service.this.ingress
}

output "instances" {
  description = "The fewest and the most instances."
  value = {
    min = google_cloud_run_v2_service.this.template[0].scaling[0].min_instance_count
    max = google_cloud_run_v2_service.this.template[0].scaling[0].max_instance_count
  }
}

output "env" {
  description = "Variables of the environment as the container gets them."
  value       = { for env in google_cloud_run_v2_service.this.template[0].containers[0].env : env.name => env.value }
}

output "image" {
  description = "The image that runs."
  value       = google_cloud_run_v2_service.this.template[0].containers[0].image
}
