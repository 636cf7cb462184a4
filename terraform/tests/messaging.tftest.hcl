mock_provider "google" {
  source = "./mocks"
}

variables {
  project_id     = "acme-ledger"
  project_number = "123456789012"
  region         = "europe-west1"
  prefix         = "netra-test"
  pusher         = "pusher@acme-ledger.iam.gserviceaccount.com"
  topics         = { events = { publishers = { webhooks = "webhooks@acme-ledger.iam.gserviceaccount.com" } } }
  push_subscriptions = {
    events = { topic = "events", endpoint = "https://events.run.app/push", audience = "https://events.run.app" }
    builds = { topic = "projects/acme-ledger/topics/cloud-builds", endpoint = "https://webhooks.run.app/cloud-build/ours", audience = "https://webhooks.run.app" }
  }
}

run "push" {
  module {
    source = "../modules/messaging"
  }

  assert {
    condition = alltrue([
      for key, subscription in google_pubsub_subscription.push :
      one(subscription.dead_letter_policy[*].dead_letter_topic) == google_pubsub_topic.dead_letters[key].id && one(subscription.dead_letter_policy[*].max_delivery_attempts) == 10
    ])
    error_message = "Every push subscription hands what cannot be delivered to its dead letters."
  }

  assert {
    condition     = alltrue([for key, topic in google_pubsub_topic.dead_letters : google_pubsub_subscription.dead_letters[key].topic == topic.id && google_pubsub_subscription.dead_letters[key].message_retention_duration == "2678400s"])
    error_message = "Without a subscription dead letters are lost."
  }

  # Google's own account moves the messages: it publishes to the one and acknowledges on the other.
  assert {
    condition = alltrue(concat(
      [for key in keys(var.push_subscriptions) : google_pubsub_topic_iam_member.dead_letters[key].role == "roles/pubsub.publisher" && google_pubsub_topic_iam_member.dead_letters[key].topic == google_pubsub_topic.dead_letters[key].name],
      [for key in keys(var.push_subscriptions) : google_pubsub_subscription_iam_member.dead_letters[key].role == "roles/pubsub.subscriber" && google_pubsub_subscription_iam_member.dead_letters[key].subscription == google_pubsub_subscription.push[key].name],
      [for binding in concat(values(google_pubsub_topic_iam_member.dead_letters), values(google_pubsub_subscription_iam_member.dead_letters)) : binding.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"],
    ))
    error_message = "Pub/Sub's service agent has not the rights to move a message to the dead letters."
  }

  assert {
    condition = alltrue([
      for key, subscription in google_pubsub_subscription.push :
      one(subscription.push_config[0].oidc_token[*].service_account_email) == var.pusher && one(subscription.push_config[0].oidc_token[*].audience) == var.push_subscriptions[key].audience
    ])
    error_message = "Every push carries a token of the pusher for its receiver."
  }

  assert {
    condition     = alltrue([for subscription in concat(values(google_pubsub_subscription.push), values(google_pubsub_subscription.dead_letters)) : subscription.expiration_policy[0].ttl == ""])
    error_message = "A subscription ends by itself after 31 quiet days."
  }

  assert {
    condition     = google_pubsub_subscription.push["events"].retry_policy[0].minimum_backoff == "10s" && google_pubsub_subscription.push["events"].retry_policy[0].maximum_backoff == "600s" && google_pubsub_subscription.push["events"].ack_deadline_seconds == 120
    error_message = "Without a retry policy a failing receiver is called again at once."
  }

  assert {
    condition     = google_pubsub_subscription.push["events"].topic == google_pubsub_topic.this["events"].id && google_pubsub_subscription.push["builds"].topic == "projects/acme-ledger/topics/cloud-builds"
    error_message = "A subscription is on the wrong topic."
  }
}

run "a_topic_nobody_knows" {
  command = plan
  module {
    source = "../modules/messaging"
  }
  variables {
    push_subscriptions = { events = { topic = "evens", endpoint = "https://events.run.app/push", audience = "https://events.run.app" } }
  }
  expect_failures = [var.push_subscriptions]
}

run "what_is_refused" {
  command = plan
  module {
    source = "../modules/messaging"
  }
  variables {
    push_subscriptions = { events = { topic = "events", endpoint = "http://events.run.app/push", audience = "http://events.run.app" } }
    pusher             = "me@acme.example"
  }
  expect_failures = [var.push_subscriptions, var.pusher]
}

run "everybody_publishes" {
  command = plan
  module {
    source = "../modules/messaging"
  }
  variables {
    topics             = { events = { publishers = { everyone = "allUsers" } } }
    push_subscriptions = {}
  }
  expect_failures = [var.topics]
}
