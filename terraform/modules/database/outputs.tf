output "connection_name" {
  description = "PROJECT:REGION:INSTANCE, as Cloud SQL connectors want it."
  value       = "${var.project_id}:${var.region}:${google_sql_database_instance.this.name}"
}

output "name" {
  description = "Name of the instance."
  value       = google_sql_database_instance.this.name
}

output "database" {
  description = "Name of the database."
  value       = google_sql_database.this.name
}

output "private_address" {
  description = "Its address inside the network."
  value       = google_sql_database_instance.this.private_ip_address
}

output "replica_connection_name" {
  description = "What the connector calls the replica, or null."
  value       = one([for replica in google_sql_database_instance.replica : "${var.project_id}:${var.region}:${replica.name}"])
}

output "replica_private_address" {
  description = "The replica's address inside the network, or null."
  value       = one(google_sql_database_instance.replica[*].private_ip_address)
}

output "logins" {
  description = "The login of each service account, by its name."
  value       = { for key, user in google_sql_user.accounts : key => user.name }
}

output "owner" {
  description = "The login that owns the database, and the reference of its password. Known once the password is in its secret."
  value = {
    login    = google_sql_user.owner.name
    password = "${google_secret_manager_secret_version.owner.secret}/versions/latest"
  }
}

output "protection" {
  description = "What stands between the data and a mistake."
  value = {
    deletion_protection = google_sql_database_instance.this.deletion_protection && google_sql_database_instance.this.settings[0].deletion_protection_enabled
    highly_available    = google_sql_database_instance.this.settings[0].availability_type == "REGIONAL"
    point_in_time       = google_sql_database_instance.this.settings[0].backup_configuration[0].point_in_time_recovery_enabled
    backups_kept        = google_sql_database_instance.this.settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups
    has_public_address  = google_sql_database_instance.this.settings[0].ip_configuration[0].ipv4_enabled
  }
}

output "max_connections" {
  description = "Connections the server takes."
  value       = tonumber(one([for flag in google_sql_database_instance.this.settings[0].database_flags : flag.value if flag.name == "max_connections"]))
}
