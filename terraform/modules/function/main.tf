resource "google_cloud_run_v2_service" "this" {
  project             = var.project_id
  location            = var.region
  name                = var.name
  ingress             = var.ingress
  deletion_protection = var.deletion_protection
  labels              = var.labels

  template {
    service_account                  = var.service_account
    timeout                          = "${var.timeout_seconds}s"
    max_instance_request_concurrency = var.concurrency
    labels                           = var.labels

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    # Private addresses go through the network, everything else straight out.
    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"
      network_interfaces {
        network    = var.network.network
        subnetwork = var.network.subnetwork
        tags       = var.network.tags
      }
    }

    containers {
      image = var.image

      resources {
        cpu_idle          = var.cpu_idle
        startup_cpu_boost = true
        limits            = { cpu = var.cpu, memory = var.memory }
      }

      env {
        name  = "FUNCTION_TARGET"
        value = var.target
      }

      dynamic "env" {
        for_each = var.env
        content {
          name  = env.key
          value = env.value
        }
      }

      # Ready when its port is open: the configuration was read by then, and nothing connects before the first request.
      startup_probe {
        initial_delay_seconds = 0
        period_seconds        = 1
        timeout_seconds       = 1
        failure_threshold     = 30
        tcp_socket {
          port = 8080
        }
      }
    }
  }

  lifecycle {
    # Whoever deployed by another way leaves the name of a tool here.
    ignore_changes = [client, client_version]
  }
}

resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = merge(
    var.invokers,
    var.is_public ? { everyone = "allUsers" } : {},
  )

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = each.value
}
