# What Google would answer, where the configuration looks at it.
mock_data "google_project" {
  defaults = { number = "123456789012" }
}

mock_resource "google_service_account" {
  defaults = { member = "serviceAccount:mocked@acme-ledger.iam.gserviceaccount.com" }
}

mock_resource "google_cloud_run_v2_service" {
  defaults = { uri = "https://mocked.run.app" }
}
