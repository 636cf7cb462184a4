import type { SourceKind } from "../../shared/event-source.ts";
import { STANDARD_SECRET } from "../../shared/signing-secret.ts";
import type { SignatureScheme } from "./verify-signature.ts";

const SECOND_MS = 1_000;

/** https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries: neither a time nor a header is signed. */
const GITHUB: SignatureScheme = {
  headers: [{ signature: "x-hub-signature-256" }],
  variants: [{ prefix: "sha256=", algorithm: "sha256", encoding: "hex" }],
  template: "{body}",
  secret: { encoding: "utf8" },
};

/** https://docs.slack.dev/authentication/verifying-requests-from-slack */
const SLACK: SignatureScheme = {
  headers: [{ signature: "x-slack-signature", timestamp: "x-slack-request-timestamp" }],
  variants: [{ prefix: "v0=", algorithm: "sha256", encoding: "hex" }],
  template: "v0:{timestamp}:{body}",
  timestamp: { unitMs: SECOND_MS, toleranceMs: 300 * SECOND_MS },
  secret: { encoding: "utf8" },
};

/** https://linear.app/developers/webhooks: the time is in the signed body, and the header that repeats it is not signed. */
const LINEAR: SignatureScheme = {
  headers: [{ signature: "linear-signature" }],
  variants: [{ prefix: "", algorithm: "sha256", encoding: "hex" }],
  template: "{body}",
  secret: { encoding: "utf8" },
};

/** https://vercel.com/docs/webhooks/webhooks-api */
const VERCEL: SignatureScheme = {
  headers: [{ signature: "x-vercel-signature" }],
  variants: [{ prefix: "", algorithm: "sha1", encoding: "hex" }],
  template: "{body}",
  secret: { encoding: "utf8" },
};

/** https://github.com/standard-webhooks/standard-webhooks, under its own names or those of Svix. */
const STANDARD: SignatureScheme = {
  headers: [
    { signature: "webhook-signature", timestamp: "webhook-timestamp", id: "webhook-id" },
    { signature: "svix-signature", timestamp: "svix-timestamp", id: "svix-id" },
  ],
  itemSeparator: " ",
  variants: [
    { prefix: "v1,", algorithm: "sha256", encoding: "base64" },
    { prefix: "v1a,", algorithm: "ed25519", encoding: "base64" },
  ],
  template: "{id}.{timestamp}.{body}",
  timestamp: { unitMs: SECOND_MS, toleranceMs: 300 * SECOND_MS },
  idPattern: /^[^.]+$/,
  secret: STANDARD_SECRET,
};

/** The schemes of the senders that sign in one way. */
export const SIGNATURE_SCHEMES: Partial<Record<SourceKind, SignatureScheme>> = {
  github: GITHUB,
  slack: SLACK,
  linear: LINEAR,
  vercel: VERCEL,
  standard: STANDARD,
};
