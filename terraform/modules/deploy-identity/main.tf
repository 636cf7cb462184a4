# GitHub's issuer is shared by every repository of the world: the condition is what keeps the others out. Numbers are asked
# for, since a name can be given up and taken by somebody else.
resource "google_iam_workload_identity_pool" "this" {
  project                   = var.project_id
  workload_identity_pool_id = "${var.prefix}-deploy"
  display_name              = "${var.prefix} deploy"
}

resource "google_iam_workload_identity_pool_provider" "github" {
  project                            = var.project_id
  workload_identity_pool_id          = google_iam_workload_identity_pool.this.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"

  attribute_mapping = {
    "google.subject"          = "assertion.sub"
    "attribute.repository_id" = "assertion.repository_id"
  }
  attribute_condition = join(" && ", [
    "assertion.repository_owner_id == \"${var.github.owner_id}\"",
    "assertion.repository_id == \"${var.github.repository_id}\"",
    "assertion.ref == \"${var.github.ref}\"",
    "assertion.environment == \"${var.github.environment}\"",
  ])

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deployer" {
  project      = var.project_id
  account_id   = "${var.prefix}-deployer"
  display_name = "Deploys from GitHub; it has no key"
}

resource "google_service_account_iam_member" "github" {
  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.this.name}/attribute.repository_id/${var.github.repository_id}"
}

# It rolls out images and settings. Who may do what, the network and the database it can only look at: changes of those are
# applied by a person, so that nobody who can push to a branch can give themselves rights.
resource "google_project_iam_member" "roles" {
  for_each = var.roles

  project = var.project_id
  role    = each.value
  member  = google_service_account.deployer.member
}

# To start a function under an account one must be allowed to act as that account: as these, and no others.
resource "google_service_account_iam_member" "act_as" {
  for_each = var.act_as

  service_account_id = "projects/${var.project_id}/serviceAccounts/${each.value}"
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deployer.member
}

resource "google_storage_bucket_iam_member" "state" {
  bucket = var.state_bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.deployer.member
}
