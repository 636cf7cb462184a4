# Only the places of secrets are made here. Their values are added as versions from outside, or written with a write-only
# argument, so no state and no plan ever holds one.
resource "google_secret_manager_secret" "this" {
  for_each = var.secrets

  project   = var.project_id
  secret_id = "${var.prefix}-${each.key}"
  labels    = var.labels

  replication {
    dynamic "auto" {
      for_each = var.region == null ? [true] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = var.region == null ? [] : [var.region]
      content {
        replicas {
          location = user_managed.value
        }
      }
    }
  }

  # A version that is destroyed by mistake can be had back for a day.
  version_destroy_ttl = "86400s"
}

resource "google_secret_manager_secret_iam_member" "accessors" {
  for_each = merge([
    for key, secret in var.secrets : { for name, email in secret.accessors : "${key} ${name}" => { key = key, email = email } }
  ]...)

  project   = var.project_id
  secret_id = google_secret_manager_secret.this[each.value.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${each.value.email}"
}
