mock_provider "google" {
  source = "./mocks"
}

variables {
  project_id            = "acme-ledger"
  region                = "europe-west1"
  name                  = "netra-test"
  network               = "projects/acme-ledger/global/networks/netra-test"
  tier                  = "db-custom-2-8192"
  highly_available      = true
  max_connections       = 200
  certificates_required = false
  deletion_protection   = true
  owner_password        = "a-password-of-24-letters-or-more"
  owner_password_secret = "projects/acme-ledger/secrets/netra-test-owner-password"
  accounts              = { ingest = "netra-test-ingest@acme-ledger.iam.gserviceaccount.com" }
  replica               = { tier = "db-custom-1-3840" }
}

run "private_and_protected" {
  module {
    source = "../modules/database"
  }

  assert {
    condition = alltrue([
      for instance in concat([google_sql_database_instance.this], google_sql_database_instance.replica) :
      !instance.settings[0].ip_configuration[0].ipv4_enabled
      && instance.settings[0].ip_configuration[0].private_network == var.network
      && length(instance.settings[0].ip_configuration[0].authorized_networks) == 0
      && instance.settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
    ])
    error_message = "The database and its replica have private addresses only and take encrypted connections only."
  }

  assert {
    condition = alltrue([
      for instance in concat([google_sql_database_instance.this], google_sql_database_instance.replica) :
      instance.deletion_protection && instance.settings[0].deletion_protection_enabled
    ]) && google_sql_database_instance.this.settings[0].retain_backups_on_delete
    error_message = "Terraform and Google must both refuse to delete, and backups outlive the instance."
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].backup_configuration[0].point_in_time_recovery_enabled && google_sql_database_instance.this.settings[0].backup_configuration[0].transaction_log_retention_days == 7
    error_message = "Any moment of the last week can be restored."
  }

  assert {
    condition = { for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name => flag.value } == {
      "cloudsql.iam_authentication" = "on"
      "max_connections"             = "200"
      "log_error_verbosity"         = "terse"
      "log_lock_waits"              = "on"
    }
    error_message = "The flags are not as they must be; without terse, refused rows stand in the log."
  }

  assert {
    condition     = google_sql_user.accounts["ingest"].name == "netra-test-ingest@acme-ledger.iam" && google_sql_user.accounts["ingest"].type == "CLOUD_IAM_SERVICE_ACCOUNT"
    error_message = "A login with IAM is named by the e-mail without its ending."
  }

  # Neither is ever set: what is written only stands in no state.
  assert {
    condition     = google_sql_user.owner.password == null && google_sql_user.owner.password_wo == null && google_sql_database_instance.this.root_password == null
    error_message = "A password stands in the state."
  }

  assert {
    condition     = google_secret_manager_secret_version.owner.secret_data == null && google_secret_manager_secret_version.owner.secret_data_wo == null
    error_message = "A secret's value stands in the state."
  }

  assert {
    condition     = google_secret_manager_secret_version.owner.secret == var.owner_password_secret && output.owner == { login = "netra_owner", password = "${var.owner_password_secret}/versions/latest" }
    error_message = "The migrations must find the owner's password where it was written."
  }
}

# Both are written when the one number is raised, and neither is without it.
run "a_new_password" {
  module {
    source = "../modules/database"
  }
  variables {
    owner_password_version = 2
  }
  assert {
    condition     = google_sql_user.owner.password_wo_version == 2 && google_secret_manager_secret_version.owner.secret_data_wo_version == 2
    error_message = "The login and the secret must get a new password together."
  }
}

# As every deployment after the first.
run "no_password_at_hand" {
  command = plan
  module {
    source = "../modules/database"
  }
  variables {
    owner_password         = null
    owner_password_version = 2
  }
  assert {
    condition     = local.owner_password != null
    error_message = "The provider refuses the version of a password without a value beside it."
  }
}

run "certificates" {
  module {
    source = "../modules/database"
  }
  variables {
    certificates_required = true
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].ssl_mode == "TRUSTED_CLIENT_CERTIFICATE_REQUIRED" && google_sql_database_instance.this.settings[0].connector_enforcement == "REQUIRED"
    error_message = "Only a connector's connections are taken."
  }
}

run "what_is_refused" {
  command = plan
  module {
    source = "../modules/database"
  }
  variables {
    database_version = "POSTGRES_16"
    tier             = "db-f1-micro"
    flags            = { max_connections = "1000" }
    backups_kept     = 1
    owner_password   = "short"

    owner_password_secret = "netra-test-owner-password"
  }
  expect_failures = [var.database_version, var.tier, var.flags, var.backups_kept, var.owner_password, var.owner_password_secret]
}
