locals {
  # Google's own account, which moves messages to the dead letters.
  service_agent = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic" "this" {
  for_each = var.topics

  project = var.project_id
  name    = "${var.prefix}-${each.key}"
  labels  = var.labels
  # What was published can be pushed once more after a mistake in the receiver.
  message_retention_duration = "86400s"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = merge([
    for key, topic in var.topics : { for name, email in topic.publishers : "${key} ${name}" => { key = key, email = email } }
  ]...)

  project = var.project_id
  topic   = google_pubsub_topic.this[each.value.key].name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${each.value.email}"
}

resource "google_pubsub_subscription" "push" {
  for_each = var.push_subscriptions

  project                    = var.project_id
  name                       = "${var.prefix}-${each.key}"
  topic                      = strcontains(each.value.topic, "/") ? each.value.topic : google_pubsub_topic.this[each.value.topic].id
  labels                     = var.labels
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  message_retention_duration = "604800s"

  # Without this it would be deleted after 31 quiet days.
  expiration_policy {
    ttl = ""
  }

  push_config {
    push_endpoint = each.value.endpoint
    oidc_token {
      service_account_email = var.pusher
      audience              = each.value.audience
    }
  }

  retry_policy {
    minimum_backoff = "${each.value.backoff_seconds.min}s"
    maximum_backoff = "${each.value.backoff_seconds.max}s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters[each.key].id
    max_delivery_attempts = each.value.attempts_max
  }

  depends_on = [google_pubsub_topic_iam_member.dead_letters]
}

resource "google_pubsub_topic" "dead_letters" {
  for_each = var.push_subscriptions

  project = var.project_id
  name    = "${var.prefix}-${each.key}-dead-letters"
  labels  = var.labels

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

# Dead letters wait here to be looked at, and pulled once what was wrong is put right. Without a subscription they would be lost.
resource "google_pubsub_subscription" "dead_letters" {
  for_each = var.push_subscriptions

  project                    = var.project_id
  name                       = "${var.prefix}-${each.key}-dead-letters"
  topic                      = google_pubsub_topic.dead_letters[each.key].id
  labels                     = var.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  for_each = var.push_subscriptions

  project = var.project_id
  topic   = google_pubsub_topic.dead_letters[each.key].name
  role    = "roles/pubsub.publisher"
  member  = local.service_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = var.push_subscriptions

  project      = var.project_id
  subscription = google_pubsub_subscription.push[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.service_agent
}
