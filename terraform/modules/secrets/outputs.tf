output "ids" {
  description = "The id of each secret, by its key. Known once its readers have their right, which Cloud Run checks first."
  value       = { for key, secret in google_secret_manager_secret.this : key => secret.secret_id }
  depends_on  = [google_secret_manager_secret_iam_member.accessors]
}

output "accessors" {
  description = "Who may read each secret, by its key, as the rights were given."
  value = {
    for key in keys(var.secrets) : key => toset([
      for id, binding in google_secret_manager_secret_iam_member.accessors : binding.member if split(" ", id)[0] == key
    ])
  }
}
