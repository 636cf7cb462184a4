output "topics" {
  description = "Name of each topic, by its key."
  value       = { for key, topic in google_pubsub_topic.this : key => topic.name }
}

output "publishers" {
  description = "Who may publish to each topic, as the rights were given."
  value = {
    for key in keys(var.topics) : key => toset([
      for id, binding in google_pubsub_topic_iam_member.publishers : binding.member if split(" ", id)[0] == key
    ])
  }
}

output "subscriptions" {
  description = "Name of each push subscription and of the one that holds its dead letters, by its key."
  value = {
    for key, subscription in google_pubsub_subscription.push : key => {
      name         = subscription.name
      endpoint     = subscription.push_config[0].push_endpoint
      audience     = one(subscription.push_config[0].oidc_token[*].audience)
      pusher       = one(subscription.push_config[0].oidc_token[*].service_account_email)
      dead_letters = google_pubsub_subscription.dead_letters[key].name
      has_dead_letters = (
        one(subscription.dead_letter_policy[*].dead_letter_topic) == google_pubsub_topic.dead_letters[key].id
        && google_pubsub_subscription.dead_letters[key].topic == google_pubsub_topic.dead_letters[key].id
      )
    }
  }
}
