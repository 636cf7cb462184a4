output "name" {
  description = "Name of the bucket."
  value       = google_storage_bucket.this.name
}

output "roles" {
  description = "Who may do what: `ROLE MEMBER` for each right that was given."
  value       = toset([for binding in google_storage_bucket_iam_member.this : "${binding.role} ${binding.member}"])
}
