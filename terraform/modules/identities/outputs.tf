output "emails" {
  description = "E-mail of each account, by its key. Known once the account has its roles, so that what runs as it has them."
  value       = { for key, account in google_service_account.this : key => "${account.account_id}@${var.project_id}.iam.gserviceaccount.com" }
  depends_on  = [google_project_iam_member.this]
}

output "project_roles" {
  description = "Roles on the whole project that were given, by the account's key."
  value = {
    for key in keys(var.accounts) : key => toset([
      for id, binding in google_project_iam_member.this : binding.role if split(" ", id)[0] == key
    ])
  }
}
