output "run" {
  description = "Where functions and jobs are attached: network, subnetwork and the tag the firewall knows them by."
  value = {
    network    = google_compute_network.this.id
    subnetwork = google_compute_subnetwork.run.id
    tags       = [local.tag]
  }
}

output "database_network" {
  description = "The network the database gets its private address in. Known only once the peering is there."
  value       = google_service_networking_connection.services.network
}
