resource "google_service_account" "this" {
  for_each = var.accounts

  project      = var.project_id
  account_id   = "${var.prefix}-${each.key}"
  display_name = each.value.description
}

resource "google_project_iam_member" "this" {
  for_each = merge([
    for key, account in var.accounts : { for role in account.project_roles : "${key} ${role}" => { key = key, role = role } }
  ]...)

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.this[each.value.key].member
}
