terraform {
  required_version = ">= 1.11"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8.0"
    }
  }

  # Where the state is, is said on init: -backend-config="bucket=…". See the README of this folder.
  backend "gcs" {
    prefix = "netra/dev"
  }
}

provider "google" {
  project = var.project_id
  region  = var.region

  # Budgets are asked for in the name of this project.
  user_project_override = true
  billing_project       = var.project_id
}
