import type { SourceKind } from "../../shared/event-source.ts";

/** What is particular about a kind of sender for whoever sets it up. */
interface Sender {
  /**
   * Who makes the secret: we do; they do before they are given an address; they do once they have it; or there is none,
   * because tokens prove the sender.
   */
  readonly secret: "ours" | "theirs" | "theirs-later" | "none";
  /** What to do at the sender, two lines. */
  readonly advice: readonly [string, string];
}

export const SENDERS: Readonly<Record<SourceKind, Sender>> = {
  github: {
    secret: "ours",
    advice: [
      "Repository or organization → Settings → Webhooks → Add webhook: Payload URL is the address.",
      "Content type application/json, Secret is the secret, keep SSL verification on, choose the events.",
    ],
  },
  slack: {
    secret: "theirs",
    advice: [
      "api.slack.com/apps → your app → Event Subscriptions: Request URL is the address; it shows Verified.",
      "Interactivity and slash commands take the same address. The secret is Basic Information → Signing Secret.",
    ],
  },
  linear: {
    secret: "theirs-later",
    advice: [
      "Settings → API → Webhooks → New webhook: URL is the address, choose the data change events.",
      "The secret is the Signing secret on the webhook's page.",
    ],
  },
  vercel: {
    secret: "theirs-later",
    advice: [
      "Team Settings → Webhooks → Create webhook: Endpoint URL is the address, choose the deployment events.",
      "The secret is shown once, when the webhook has been made; an integration uses its Client Secret instead.",
    ],
  },
  standard: {
    secret: "ours",
    advice: [
      "Add an endpoint with the address at the sender and give it the secret (whsec_…) as it is.",
      "A sender that makes the secret itself, as Svix does: netra sources rotate NAME --secret-stdin --overlap-hours 0.",
    ],
  },
  signed: {
    secret: "ours",
    advice: [
      "Give the sender the address, and the secret to sign the exact bytes of each body with.",
      "It must send application/json and sign as the source's config says.",
    ],
  },
  "cloud-build": {
    secret: "none",
    advice: [
      "Make the topic cloud-builds in the project that builds, and a push subscription on it with the address.",
      "Turn authentication on in the subscription, with the service account and the audience given here.",
    ],
  },
  "cloud-deploy": {
    secret: "none",
    advice: [
      "Make the topics clouddeploy-resources and clouddeploy-operations, each with a push subscription to the address.",
      "Turn authentication on in the subscriptions, with the service account and the audience given here.",
    ],
  },
};
