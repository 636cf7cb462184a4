# The environment people rely on, as a whole.
mock_provider "google" {
  source = "./mocks"

  override_resource {
    target = module.netra.module.functions["ingest"].google_cloud_run_v2_service.this
    values = { uri = "https://ingest.run.app" }
  }
  override_resource {
    target = module.netra.module.functions["webhooks"].google_cloud_run_v2_service.this
    values = { uri = "https://webhooks.run.app" }
  }
  override_resource {
    target = module.netra.module.functions["insights"].google_cloud_run_v2_service.this
    values = { uri = "https://insights.run.app" }
  }
  override_resource {
    target = module.netra.module.functions["events"].google_cloud_run_v2_service.this
    values = { uri = "https://events.run.app" }
  }
  override_resource {
    target = module.netra.module.functions["patterns"].google_cloud_run_v2_service.this
    values = { uri = "https://patterns.run.app" }
  }
  override_resource {
    target = module.netra.module.functions["retention"].google_cloud_run_v2_service.this
    values = { uri = "https://retention.run.app" }
  }
  override_resource {
    target = module.netra.module.functions["health"].google_cloud_run_v2_service.this
    values = { uri = "https://health.run.app" }
  }
}

variables {
  project_id       = "acme-ledger"
  image            = "europe-west1-docker.pkg.dev/acme-ledger/netra-prod/functions@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  alert_emails     = ["oncall@acme.example"]
  owner_password   = "a-password-of-24-letters-or-more"
  clickhouse       = { url = "https://netra@ch.acme.example:8443/netra_analytics" }
  source_secrets   = { github-ours = ["webhooks"], reviews-signing = ["events"] }
  database_replica = { tier = "db-custom-4-15360" }
  watchers         = ["group:engineering@acme.example"]
  google_sources = {
    builds = { topic = "projects/acme-ledger/topics/cloud-builds", path = "/cloud-build/ours" }
  }
  budget = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 900 }
  deploy = {
    github       = { owner_id = "1", repository_id = "2", ref = "refs/heads/main", environment = "prod" }
    state_bucket = "acme-ledger-terraform"
  }
}

run "prod" {
  module {
    source = "../environments/prod"
  }

  assert {
    condition     = output.database.protection.deletion_protection
    error_message = "The database of prod can be deleted."
  }

  assert {
    condition     = output.database.protection.highly_available && output.database.protection.point_in_time && output.database.protection.backups_kept >= 30
    error_message = "Prod needs a second machine, restoring to any moment and a month of backups."
  }

  assert {
    condition     = !output.database.protection.has_public_address
    error_message = "The database has a public address."
  }

  assert {
    condition = toset([for name, function in output.functions : name if contains(function.invokers, "allUsers")]) == toset(["ingest", "insights", "webhooks"])
    error_message = format(
      "Open to everybody must be ingest, insights and webhooks, which check their callers themselves, and nothing else; they are %s.",
      join(", ", [for name, function in output.functions : name if contains(function.invokers, "allUsers")]),
    )
  }

  assert {
    condition     = alltrue([for function in output.functions : !contains(function.invokers, "allAuthenticatedUsers")])
    error_message = "allAuthenticatedUsers is everybody with a Google account."
  }

  assert {
    condition     = toset([for name, function in output.functions : name if function.ingress != "INGRESS_TRAFFIC_INTERNAL_ONLY"]) == toset(["ingest", "insights", "webhooks", "health"])
    error_message = "A function that is not public takes requests from the internet."
  }

  # Exactly who may call what, by name.
  assert {
    condition = { for name, function in output.functions : name => function.invokers } == {
      ingest    = toset(["allUsers"])
      webhooks  = toset(["allUsers"])
      insights  = toset(["allUsers"])
      events    = toset(["serviceAccount:netra-prod-scheduler@acme-ledger.iam.gserviceaccount.com", "serviceAccount:netra-prod-pusher@acme-ledger.iam.gserviceaccount.com"])
      patterns  = toset(["serviceAccount:netra-prod-scheduler@acme-ledger.iam.gserviceaccount.com"])
      retention = toset(["serviceAccount:netra-prod-scheduler@acme-ledger.iam.gserviceaccount.com"])
      health    = toset(["serviceAccount:netra-prod-scheduler@acme-ledger.iam.gserviceaccount.com", "group:engineering@acme.example"])
    }
    error_message = "Somebody else may call a function, or somebody who must may not: ${jsonencode({ for name, function in output.functions : name => function.invokers })}."
  }

  assert {
    condition     = length(distinct([for function in output.functions : function.service_account])) == 7
    error_message = "Every function runs under an account of its own."
  }

  # Every secret and exactly who may read it.
  assert {
    condition = output.secret_readers == {
      clickhouse-password           = toset([for name in ["ingest", "insights", "health"] : "serviceAccount:netra-prod-${name}@acme-ledger.iam.gserviceaccount.com"])
      clickhouse-retention-password = toset(["serviceAccount:netra-prod-retention@acme-ledger.iam.gserviceaccount.com"])
      owner-password                = toset(["serviceAccount:netra-prod-migrate@acme-ledger.iam.gserviceaccount.com"])
      admin-clickhouse-url          = toset(["serviceAccount:netra-prod-migrate@acme-ledger.iam.gserviceaccount.com"])
      source-github-ours            = toset(["serviceAccount:netra-prod-webhooks@acme-ledger.iam.gserviceaccount.com"])
      source-reviews-signing        = toset(["serviceAccount:netra-prod-events@acme-ledger.iam.gserviceaccount.com"])
    }
    error_message = "The readers of secrets are not who they must be: ${jsonencode(output.secret_readers)}."
  }

  # What a function is told to read and what it may read agree.
  assert {
    condition = alltrue([for secret in ["clickhouse-password", "clickhouse-retention-password"] :
      toset([for name, function in output.functions : name if lookup(function.env, "CLICKHOUSE_PASSWORD_SECRET", null) == "projects/acme-ledger/secrets/${output.secrets[secret]}/versions/latest"]) == toset([
        for member in output.secret_readers[secret] : trimprefix(split("@", member)[0], "serviceAccount:netra-prod-")
      ])
    ])
    error_message = "A function is told to read a password of ClickHouse and may not, or may and need not."
  }

  # Row policies hide rows from the login of the others; retention has to see what it removes.
  assert {
    condition = { for name, function in output.functions : name => function.env["CLICKHOUSE_URL"] if can(function.env["CLICKHOUSE_URL"]) } == {
      ingest    = "https://netra@ch.acme.example:8443/netra_analytics"
      insights  = "https://netra@ch.acme.example:8443/netra_analytics"
      health    = "https://netra@ch.acme.example:8443/netra_analytics"
      retention = "https://netra_retention@ch.acme.example:8443/netra_analytics"
    }
    error_message = "Retention must have a login of its own in ClickHouse, and the others theirs."
  }

  assert {
    condition     = output.source_secrets["github-ours"] == "projects/acme-ledger/secrets/netra-prod-source-github-ours/versions/latest"
    error_message = "The reference of a source's secret does not name it."
  }

  # A password, a key or a token has no place in the environment of a function.
  assert {
    condition     = alltrue(flatten([for function in output.functions : [for name, value in function.env : !can(regex("://[^/@]*:[^/@]*@", value)) && !strcontains(name, "PASSWORD") || startswith(value, "projects/")]]))
    error_message = "A secret stands in the environment of a function."
  }

  assert {
    condition     = alltrue([for name, function in output.functions : function.env["DATABASE_USER"] == function.service_account && function.env["INSTANCE_CONNECTION_NAME"] == output.database.connection_name && contains(values(output.database.logins), trimsuffix(function.service_account, ".gserviceaccount.com"))])
    error_message = "A function logs in to the database as its own account, which has a login there."
  }

  assert {
    condition     = output.functions["retention"].env["NETRA_ARCHIVE"] == "gs://${output.archive.name}"
    error_message = "Retention archives to another bucket than it may write to."
  }

  assert {
    condition     = alltrue([for subscription in output.messaging.subscriptions : subscription.has_dead_letters]) && toset(keys(output.messaging.subscriptions)) == toset(["events", "builds"])
    error_message = "Every push subscription needs a topic of dead letters, and that one a subscription that keeps them."
  }

  assert {
    condition     = output.messaging.subscriptions["events"].endpoint == "https://events.run.app/push" && output.messaging.subscriptions["events"].audience == "https://events.run.app" && output.messaging.subscriptions["events"].pusher == "netra-prod-pusher@acme-ledger.iam.gserviceaccount.com"
    error_message = "Events must be pushed with a token for the events function."
  }

  assert {
    condition     = output.messaging.subscriptions["builds"].endpoint == "https://webhooks.run.app/cloud-build/ours" && output.messaging.subscriptions["builds"].audience == "https://webhooks.run.app"
    error_message = "Cloud Build's messages must be pushed to the webhooks function."
  }

  assert {
    condition     = output.messaging.publishers["events"] == toset(["serviceAccount:netra-prod-webhooks@acme-ledger.iam.gserviceaccount.com", "serviceAccount:netra-prod-events@acme-ledger.iam.gserviceaccount.com"])
    error_message = "Only webhooks and events tell of events."
  }

  assert {
    condition     = output.functions["webhooks"].env["NETRA_EVENTS_TOPIC"] == output.messaging.topics["events"] && output.functions["events"].env["NETRA_EVENTS_TOPIC"] == output.messaging.topics["events"]
    error_message = "The functions publish to another topic than the one that is pushed from."
  }

  assert {
    condition     = output.jobs["relay"].audience == output.functions["ingest"].env["NETRA_CALLER_AUDIENCE"] && output.jobs["relay"].caller == output.functions["ingest"].env["NETRA_CALLER_EMAILS"] && alltrue([for key, job in output.jobs : (key == "relay" || startswith(job.uri, "${job.audience}/")) && job.caller == "netra-prod-scheduler@acme-ledger.iam.gserviceaccount.com"])
    error_message = "The token of a scheduled call must be for the function that is called."
  }

  assert {
    condition = { for key, job in output.jobs : key => job.uri } == {
      relay            = "https://ingest.run.app/v1/relay"
      events-sweep     = "https://events.run.app/sweep"
      events-reconcile = "https://events.run.app/reconcile"
      patterns-recent  = "https://patterns.run.app/run"
      patterns-full    = "https://patterns.run.app/run?mode=full"
      retention        = "https://retention.run.app/run"
      health           = "https://health.run.app/run"
    }
    error_message = "What must be called on schedule is not: ${jsonencode({ for key, job in output.jobs : key => job.uri })}."
  }

  assert {
    condition     = alltrue([for name, function in output.functions : function.instances.max >= 1 && function.instances.max <= 10]) && output.functions["ingest"].instances.min >= 1 && output.functions["webhooks"].instances.min >= 1
    error_message = "The intake must not start cold (Slack waits three seconds), and nothing may grow without bounds."
  }

  assert {
    condition     = output.connections.all == sum([for name in keys(output.functions) : output.connections[name]]) && output.connections.all + 20 <= output.connections.max && output.connections.max == 300
    error_message = "The functions together could take more connections than the server has: ${jsonencode(output.connections)}."
  }

  assert {
    condition     = alltrue([for function in output.functions : function.image == var.image])
    error_message = "Every function runs the one image that was given."
  }

  assert {
    condition     = output.archive.roles == toset(["roles/storage.objectUser serviceAccount:netra-prod-retention@acme-ledger.iam.gserviceaccount.com"])
    error_message = "Archives are for retention alone."
  }

  assert {
    condition     = output.migrate_job == "netra-prod-migrate" && output.deploy.service_account == "netra-prod-deployer@acme-ledger.iam.gserviceaccount.com"
    error_message = "Whoever deploys needs the migration job and an account."
  }
}

run "what_is_refused" {
  command = plan
  module {
    source = "../environments/prod"
  }
  variables {
    image          = "europe-west1-docker.pkg.dev/acme-ledger/netra-prod/functions:latest"
    owner_password = "short"
    alert_emails   = []
    clickhouse     = { url = "https://netra:hunter2@ch.acme.example:8443/netra_analytics" }
  }
  expect_failures = [var.image, var.owner_password, var.alert_emails, var.clickhouse]
}
