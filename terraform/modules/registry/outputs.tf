output "address" {
  description = "What image names start with: REGION-docker.pkg.dev/PROJECT/REPOSITORY."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.this.repository_id}"
}

output "readers" {
  description = "Who of other projects may pull: `ROLE MEMBER` for each right that was given."
  value       = toset([for binding in google_artifact_registry_repository_iam_member.readers : "${binding.role} ${binding.member}"])
}
