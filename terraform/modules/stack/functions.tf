locals {
  # Every function: who may call it, its login in the analytics copy, whether it publishes, and how long a request may take.
  # `connections` is the size of its pools where the code sets it (patterns/context.ts, retention/context.ts,
  # health/context.ts); the others take theirs from NETRA_DATABASE_CONNECTIONS.
  functions = {
    ingest    = { is_public = true, analytics = "read", publishes = false, connections = null, timeout = 60, env = {} }
    webhooks  = { is_public = true, analytics = null, publishes = true, connections = null, timeout = 60, env = {} }
    insights  = { is_public = true, analytics = "read", publishes = false, connections = null, timeout = 60, env = {} }
    events    = { is_public = false, analytics = null, publishes = true, connections = null, timeout = 120, env = {} }
    patterns  = { is_public = false, analytics = null, publishes = false, connections = 3, timeout = 1800, env = {} }
    retention = { is_public = false, analytics = "remove", publishes = false, connections = 2, timeout = 1800, env = { NETRA_ARCHIVE = "gs://${module.archive.name}" } }
    health    = { is_public = false, analytics = "read", publishes = false, connections = 6, timeout = 60, env = { NETRA_REPLICAS_EXPECTED = var.database.replica == null ? "0" : "1" } }
  }

  # Logins of ClickHouse, by what they may do. A row policy keeps organizations apart for the first, and the second has to
  # see all of them.
  analytics_logins = {
    read   = { user = regex("^https://([^@]+)@", var.clickhouse.url)[0], secret = "clickhouse-password" }
    remove = { user = var.clickhouse.retention_user, secret = "clickhouse-retention-password" }
  }

  # The variables of each function, exactly those that it reads. No secret is among them: the database takes the function's
  # account for a login, and what else there is stands in Secret Manager and is read while the function runs, so that a new
  # version needs no deployment.
  environments = {
    for name, function in local.functions : name => merge(
      {
        GOOGLE_CLOUD_PROJECT     = var.project_id
        INSTANCE_CONNECTION_NAME = module.database.connection_name
        DATABASE_NAME            = module.database.database
        DATABASE_USER            = module.identities.emails[name]
      },
      function.connections == null ? { NETRA_DATABASE_CONNECTIONS = tostring(var.functions[name].connections) } : {},
      function.is_public ? {} : { NETRA_CALLER_AUTH = "platform" },
      function.publishes ? { NETRA_EVENTS_TOPIC = module.messaging.topics["events"] } : {},
      function.analytics == null ? {} : {
        CLICKHOUSE_URL             = replace(var.clickhouse.url, "/^https://[^@]+@/", "https://${local.analytics_logins[function.analytics].user}@")
        CLICKHOUSE_PASSWORD_SECRET = "projects/${var.project_id}/secrets/${module.secrets.ids[local.analytics_logins[function.analytics].secret]}/versions/latest"
      },
      # Everybody may call ingest, so it checks the scheduler's token itself, against an audience of its own.
      name == "ingest" ? { NETRA_CALLER_AUDIENCE = "${local.prefix}-ingest", NETRA_CALLER_EMAILS = module.identities.emails["scheduler"] } : {},
      # Large reads go to the replica once it has replayed what the primary has.
      name == "insights" && var.database.replica != null ? { REPLICA_INSTANCE_CONNECTION_NAMES = module.database.replica_connection_name } : {},
      function.env,
    )
  }

  # Called by Cloud Scheduler; what is called every minute has a minute.
  jobs = {
    relay            = { function = "ingest", path = "/v1/relay", schedule = "* * * * *", deadline = 60, retries = 0, description = "Carries over what the analytics copy lacks" }
    events-sweep     = { function = "events", path = "/sweep", schedule = "* * * * *", deadline = 60, retries = 0, description = "Tells the workers of what is due" }
    events-reconcile = { function = "events", path = "/reconcile", schedule = "*/10 * * * *", deadline = 60, retries = 0, description = "Asks GitHub for deliveries that never came" }
    patterns-recent  = { function = "patterns", path = "/run", schedule = "7 * * * *", deadline = 1800, retries = 1, description = "Counts what is new" }
    patterns-full    = { function = "patterns", path = "/run?mode=full", schedule = "30 3 * * *", deadline = 1800, retries = 3, description = "Counts everything anew" }
    retention        = { function = "retention", path = "/run", schedule = "30 1 * * *", deadline = 1800, retries = 3, description = "Archives and removes what is past its days" }
    health           = { function = "health", path = "/run", schedule = "* * * * *", deadline = 60, retries = 0, description = "Looks at everything and raises alerts" }
  }
}

# What is deployed: everything once there is an image, and nothing before. The registry the image is pushed to, the secrets'
# places and the database are made without one.
locals {
  deployed = var.image == null ? {} : local.functions
}

module "functions" {
  source   = "../function"
  for_each = local.deployed

  project_id      = var.project_id
  region          = var.region
  name            = "${local.prefix}-${each.key}"
  target          = each.key
  image           = var.image
  service_account = module.identities.emails[each.key]
  labels          = merge(local.labels, { function = each.key })
  network         = module.network.run

  min_instances   = var.functions[each.key].min_instances
  max_instances   = var.functions[each.key].max_instances
  concurrency     = var.functions[each.key].concurrency
  cpu             = var.functions[each.key].cpu
  memory          = var.functions[each.key].memory
  cpu_idle        = var.functions[each.key].cpu_idle
  timeout_seconds = each.value.timeout

  # Health is asked by people as well, who prove themselves to Cloud Run.
  is_public = each.value.is_public
  ingress   = each.value.is_public || each.key == "health" ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invokers = merge(
    anytrue([for job in local.jobs : job.function == each.key]) && !each.value.is_public ? { scheduler = "serviceAccount:${module.identities.emails["scheduler"]}" } : {},
    each.key == "events" ? { pusher = "serviceAccount:${module.identities.emails["pusher"]}" } : {},
    each.key == "health" ? { for member in var.watchers : member => member } : {},
  )

  env = local.environments[each.key]

  deletion_protection = var.deletion_protection
}

module "migrate" {
  source = "../job"
  count  = var.image == null ? 0 : 1

  project_id      = var.project_id
  region          = var.region
  name            = "${local.prefix}-migrate"
  image           = var.image
  command         = var.migrate_command
  args            = ["up"]
  service_account = module.identities.emails["migrate"]
  labels          = local.labels
  network         = module.network.run
  runners         = local.deployers

  env = merge(
    {
      INSTANCE_CONNECTION_NAME = module.database.connection_name
      DATABASE_NAME            = module.database.database
      DATABASE_USER            = module.database.owner.login
      DATABASE_PASSWORD_SECRET = module.database.owner.password
    },
    var.clickhouse.cluster == null ? {} : { NETRA_CLICKHOUSE_CLUSTER = var.clickhouse.cluster },
  )
  secret_env = { CLICKHOUSE_URL = module.secrets.ids["admin-clickhouse-url"] }

  deletion_protection = var.deletion_protection
}
