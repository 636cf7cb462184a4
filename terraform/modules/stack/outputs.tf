output "urls" {
  description = "Where the public functions are called."
  value       = { for name, function in local.deployed : name => module.functions[name].uri if function.is_public }
}

output "functions" {
  description = "Each function as it was deployed."
  value = {
    for name, function in module.functions : name => {
      uri             = function.uri
      service_account = function.service_account
      invokers        = function.invokers
      ingress         = function.ingress
      instances       = function.instances
      image           = function.image
      env             = function.env
    }
  }
}

output "registry" {
  description = "Where images are pushed to."
  value       = module.registry.address
}

output "migrate_job" {
  description = "The job that brings the schemas up to date, or null."
  value       = one(module.migrate[*].name)
}

output "database" {
  description = "Where the database is, its logins, and what protects it."
  value = {
    connection_name = module.database.connection_name
    address         = module.database.private_address
    replica_address = module.database.replica_private_address
    logins          = module.database.logins
    protection      = module.database.protection
  }
}

output "connections" {
  description = "Connections each function can hold at most, all of them, and what the server takes."
  value       = merge(local.connections, { all = local.connections_all, max = module.database.max_connections })

  precondition {
    condition = local.connections_all + var.reserved_connections <= var.database.max_connections
    error_message = format(
      "The functions can hold %d connections (%s); with %d in reserve that is more than max_connections = %d. Lower max_instances or connections, or raise database.max_connections and with it the tier.",
      local.connections_all, join(", ", [for name, count in local.connections : "${name} ${count}"]), var.reserved_connections, var.database.max_connections,
    )
  }
}

output "secrets" {
  description = "Each secret's id, to add versions to."
  value       = module.secrets.ids
}

output "secret_readers" {
  description = "Who may read each secret."
  value       = module.secrets.accessors
}

output "messaging" {
  description = "Topics, who may publish, and the push subscriptions with their dead letters."
  value = {
    topics        = module.messaging.topics
    publishers    = module.messaging.publishers
    subscriptions = module.messaging.subscriptions
  }
}

output "jobs" {
  description = "What is called on schedule."
  value       = module.schedules.jobs
}

output "archive" {
  description = "The bucket of archives, and who may do what with it."
  value       = { name = module.archive.name, roles = module.archive.roles }
}

output "alerts" {
  description = "What somebody is told of."
  value       = module.monitoring.policies
}

output "deploy" {
  description = "What the workflow that deploys names: provider and account; or null."
  value       = var.deploy == null ? null : { provider = module.deploy_identity[0].provider, service_account = module.deploy_identity[0].deployer }
}

output "project_roles" {
  description = "Roles on the whole project, by account."
  value       = module.identities.project_roles
}

output "source_secrets" {
  description = "The reference by which a source or subscription names each of its secrets."
  value = {
    for name in keys(var.source_secrets) : name => "projects/${var.project_id}/secrets/${module.secrets.ids["source-${name}"]}/versions/latest"
  }
}

output "login_grants" {
  description = "SQL that gives the functions' logins their rights, to be run once by the owner after the first migration."
  value = join("\n", flatten([
    for login in values(module.database.logins) : [
      "grant netra_app to \"${login}\" with inherit true, set true;",
      "grant netra_system to \"${login}\" with inherit false, set true;",
    ]
  ]))
}

locals {
  # Each instance's pools, and one more with which its connector sees whether a renewed certificate is taken.
  connections = {
    for name, function in local.functions : name => var.functions[name].max_instances * (coalesce(function.connections, var.functions[name].connections) + 1)
  }
  connections_all = sum(values(local.connections))
}
