output "urls" {
  description = "Where the public functions are called."
  value       = module.netra.urls
}

output "registry" {
  description = "Where images are pushed to."
  value       = module.netra.registry
}

output "migrate_job" {
  description = "The job that brings the schemas up to date, or null."
  value       = module.netra.migrate_job
}

output "database" {
  description = "Where the database is, its logins, and what protects it."
  value       = module.netra.database
}

output "connections" {
  description = "Connections each function can hold at most, all of them, and what the server takes."
  value       = module.netra.connections
}

output "secrets" {
  description = "Each secret's id, to add versions to."
  value       = module.netra.secrets
}

output "secret_readers" {
  description = "Who may read each secret."
  value       = module.netra.secret_readers
}

output "functions" {
  description = "Each function as it was deployed."
  value       = module.netra.functions
}

output "messaging" {
  description = "Topics, who may publish, and the push subscriptions with their dead letters."
  value       = module.netra.messaging
}

output "jobs" {
  description = "What is called on schedule."
  value       = module.netra.jobs
}

output "archive" {
  description = "The bucket of archives, and who may do what with it."
  value       = module.netra.archive
}

output "deploy" {
  description = "What the workflow that deploys names: provider and account; or null."
  value       = module.netra.deploy
}

output "source_secrets" {
  description = "The reference by which a source or subscription names each of its secrets."
  value       = module.netra.source_secrets
}

output "login_grants" {
  description = "SQL that gives the functions' logins their rights, to be run once by the owner after the first migration."
  value       = module.netra.login_grants
}
