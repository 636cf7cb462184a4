resource "google_compute_network" "this" {
  project                 = var.project_id
  name                    = var.name
  auto_create_subnetworks = false
}

# Instances of functions and jobs take their addresses here (Direct VPC egress): two for each instance, in blocks of sixteen.
resource "google_compute_subnetwork" "run" {
  project                  = var.project_id
  region                   = var.region
  name                     = "${var.name}-run"
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.run_range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

# Where Google puts the database: a range of ours that is peered with its network.
resource "google_compute_global_address" "services" {
  project       = var.project_id
  name          = "${var.name}-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = split("/", var.services_range)[0]
  prefix_length = tonumber(split("/", var.services_range)[1])
  network       = google_compute_network.this.id
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]

  # Cloud SQL holds on to it for days after the last instance is gone, and Google refuses to delete it until then. What was
  # left is taken over when everything is made again.
  deletion_policy         = "ABANDON"
  update_on_creation_fail = true
}

# Functions and jobs reach the database through Google's connector, which takes this port, and what is named in
# private_targets, and nothing else inside the network. Public addresses do not go through the network at all.
resource "google_compute_firewall" "database" {
  project            = var.project_id
  name               = "${var.name}-run-to-database"
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 900
  target_tags        = [local.tag]
  destination_ranges = [var.services_range]

  allow {
    protocol = "tcp"
    ports    = ["3307"]
  }
}

resource "google_compute_firewall" "private_targets" {
  for_each = var.private_targets

  project            = var.project_id
  name               = "${var.name}-run-to-${each.key}"
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 900
  target_tags        = [local.tag]
  destination_ranges = each.value.ranges

  allow {
    protocol = "tcp"
    ports    = each.value.ports
  }
}

resource "google_compute_firewall" "rest" {
  project            = var.project_id
  name               = "${var.name}-run-to-rest"
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 1000
  target_tags        = [local.tag]
  destination_ranges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]

  deny {
    protocol = "all"
  }
}

locals {
  tag = "${var.name}-run"
}
