resource "google_sql_database_instance" "this" {
  project             = var.project_id
  region              = var.region
  name                = var.name
  database_version    = var.database_version
  deletion_protection = var.deletion_protection

  settings {
    tier                        = var.tier
    edition                     = "ENTERPRISE"
    availability_type           = var.highly_available ? "REGIONAL" : "ZONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = var.disk_gb
    disk_autoresize             = true
    disk_autoresize_limit       = var.disk_gb_max
    deletion_protection_enabled = var.deletion_protection
    retain_backups_on_delete    = var.deletion_protection
    connector_enforcement       = var.certificates_required ? "REQUIRED" : "NOT_REQUIRED"
    user_labels                 = var.labels

    ip_configuration {
      ipv4_enabled                                  = false
      private_network                               = var.network
      enable_private_path_for_google_cloud_services = false
      ssl_mode                                      = var.certificates_required ? "TRUSTED_CLIENT_CERTIFICATE_REQUIRED" : "ENCRYPTED_ONLY"
    }

    dynamic "database_flags" {
      for_each = local.flags
      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "01:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
      backup_retention_settings {
        retention_unit   = "COUNT"
        retained_backups = var.backups_kept
      }
    }

    insights_config {
      query_insights_enabled  = true
      query_string_length     = 1024
      record_application_tags = false
      record_client_address   = false
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }
  }

  lifecycle {
    # The disk grows by itself and never shrinks.
    ignore_changes = [settings[0].disk_size]
  }
}

locals {
  flags = merge({
    "cloudsql.iam_authentication" = "on"
    "max_connections"             = tostring(var.max_connections)
    # A refused row would be told in full in the DETAIL of the message; rows hold commands.
    "log_error_verbosity" = "terse"
    "log_lock_waits"      = "on"
  }, var.flags)
}

resource "google_sql_database_instance" "replica" {
  count = var.replica == null ? 0 : 1

  project              = var.project_id
  region               = var.region
  name                 = "${var.name}-replica"
  database_version     = var.database_version
  master_instance_name = google_sql_database_instance.this.name
  deletion_protection  = var.deletion_protection

  settings {
    tier                        = var.replica.tier
    edition                     = "ENTERPRISE"
    availability_type           = "ZONAL"
    disk_type                   = "PD_SSD"
    disk_autoresize             = true
    deletion_protection_enabled = var.deletion_protection
    connector_enforcement       = var.certificates_required ? "REQUIRED" : "NOT_REQUIRED"
    user_labels                 = var.labels

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network
      ssl_mode        = var.certificates_required ? "TRUSTED_CLIENT_CERTIFICATE_REQUIRED" : "ENCRYPTED_ONLY"
    }

    # A replica replays what its primary did and needs at least its connections.
    dynamic "database_flags" {
      for_each = local.flags
      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }
}

resource "google_sql_database" "this" {
  project  = var.project_id
  instance = google_sql_database_instance.this.name
  name     = "netra"
  # With its instance; a database of its own cannot be dropped while anything is connected.
  deletion_policy = "ABANDON"
}

locals {
  # The provider wants a value beside the version in every plan, also where nothing is written. One that is written for want
  # of a password is nobody's guess, and the same for the login and the secret.
  owner_password = coalesce(var.owner_password, uuid())
}

# Owns the database and brings its schema up to date; no function logs in with it. The password is written and never read
# back, and stands in no state.
resource "google_sql_user" "owner" {
  project             = var.project_id
  instance            = google_sql_database_instance.this.name
  name                = "netra_owner"
  type                = "BUILT_IN"
  password_wo         = local.owner_password
  password_wo_version = var.owner_password_version
  deletion_policy     = "ABANDON"
}

# For the job that migrates, once the server takes it. The version before is destroyed first: nobody reads it but the job, and
# create_before_destroy would hold for all it depends on as well, such as the database, whose names cannot be there twice.
resource "google_secret_manager_secret_version" "owner" {
  secret                 = var.owner_password_secret
  secret_data_wo         = local.owner_password
  secret_data_wo_version = var.owner_password_version

  depends_on = [google_sql_user.owner]
}

# Logins without a password, one for each account. What they may do is granted in SQL: netra_app, and netra_system.
resource "google_sql_user" "accounts" {
  for_each = var.accounts

  project         = var.project_id
  instance        = google_sql_database_instance.this.name
  name            = trimsuffix(each.value, ".gserviceaccount.com")
  type            = "CLOUD_IAM_SERVICE_ACCOUNT"
  deletion_policy = "ABANDON"
}
