resource "google_storage_bucket" "this" {
  project                     = var.project_id
  name                        = var.name
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  labels                      = var.labels

  # A bucket has versions or locked days, not both.
  versioning {
    enabled = var.days_locked == 0
  }

  # What is deleted or written over can be had back for a week, whoever did it.
  soft_delete_policy {
    retention_duration_seconds = 7 * 86400
  }

  dynamic "retention_policy" {
    for_each = var.days_locked == 0 ? [] : [var.days_locked]
    content {
      retention_period = retention_policy.value * 86400
      is_locked        = false
    }
  }

  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
    condition {
      age        = 30
      with_state = "LIVE"
    }
  }

  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "COLDLINE"
    }
    condition {
      age        = 120
      with_state = "LIVE"
    }
  }

  # No rule deletes an archive that is live: retention keeps a record of its files, and would refuse to erase an organization
  # when some of them were gone without its knowing. What was written over or deleted goes for good here.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }

  # An upload that broke off costs like one that is there.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = merge(
    { for name, email in var.writers : "creator ${name}" => { role = "roles/storage.objectCreator", email = email } },
    { for name, email in var.readers : "viewer ${name}" => { role = "roles/storage.objectViewer", email = email } },
    { for name, email in var.users : "user ${name}" => { role = "roles/storage.objectUser", email = email } },
  )

  bucket = google_storage_bucket.this.name
  role   = each.value.role
  member = "serviceAccount:${each.value.email}"
}
