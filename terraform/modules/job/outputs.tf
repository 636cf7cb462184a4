output "name" {
  description = "Name of the job, for `gcloud run jobs execute`."
  value       = google_cloud_run_v2_job.this.name
}

output "env" {
  description = "Variables of the environment as the job gets them; a secret is told as `secret:ID:VERSION`."
  value = {
    for env in google_cloud_run_v2_job.this.template[0].template[0].containers[0].env : env.name => (
      length(env.value_source) == 0 ? env.value : "secret:${env.value_source[0].secret_key_ref[0].secret}:${env.value_source[0].secret_key_ref[0].version}"
    )
  }
}
