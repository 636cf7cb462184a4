output "jobs" {
  description = "Each job as it was made: name, schedule, what is called, and the audience and account of its token."
  value = {
    for key, job in google_cloud_scheduler_job.this : key => {
      name     = job.name
      schedule = job.schedule
      uri      = job.http_target[0].uri
      audience = one(job.http_target[0].oidc_token[*].audience)
      caller   = one(job.http_target[0].oidc_token[*].service_account_email)
      deadline = job.attempt_deadline
    }
  }
}
