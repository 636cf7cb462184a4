import { mark } from "./secret-mark.ts";

/**
 * Secrets that are recognised by their own form, wherever they stand.
 * Each pattern is a literal start, a run of at least m characters of one class, and at most an optional tail. Nothing is
 * required after an unbounded run: an attempt fails within m characters or succeeds and is consumed, so a scan is linear.
 */
const FORMS: readonly (readonly [kind: string, pattern: string])[] = [
  ["anthropic-key", String.raw`sk-ant-[A-Za-z0-9]{2,12}-[\w-]{8,}|(?<![A-Za-z0-9])sk-ant-[\w-]{8,}`],
  [
    "openai-key",
    String.raw`sk-[A-Za-z0-9]{32,}|sk-(?:proj|svcacct|admin|None|or-v1|lf)-[\w-]{40,}|(?<![A-Za-z0-9])sk-(?:(?:proj|svcacct|admin|None|or-v1|lf)-[\w-]{12,}|[A-Za-z0-9]{20,})`,
  ],
  ["github-token", String.raw`gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}`],
  ["gitlab-token", String.raw`gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[\w-]{16,}`],
  ["slack-token", String.raw`xox[abcdeoprs]-[\w-]{10,}|xapp-\d-[\w-]{10,}`],
  ["aws-key-id", String.raw`(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}`],
  ["google-key", String.raw`AIza[\w-]{30,}|ya29\.[\w-]{10,}|GOCSPX-[\w-]{20,}`],
  ["stripe-key", String.raw`[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[\w+/-]{16,}={0,2}`],
  ["npm-token", String.raw`npm_[A-Za-z0-9]{30,}`],
  ["hugging-face-token", String.raw`hf_[A-Za-z0-9]{30,}`],
  ["netra-key", String.raw`ntr_[A-Za-z0-9]{20,}`],
  ["jwt", String.raw`eyJ[\w-]{17,}(?:\.[\w-]+){0,4}`],
  ["linear-key", String.raw`lin_(?:api|oauth|wh)_[A-Za-z0-9]{20,}`],
  ["sendgrid-key", String.raw`SG\.[\w-]{20,}(?:\.[\w-]+)?`],
  ["pypi-token", String.raw`pypi-[\w-]{40,}`],
  ["vault-token", String.raw`hv[sb]\.[\w-]{20,}`],
  ["docker-token", String.raw`dckr_(?:pat|oat)_[\w-]{20,}`],
  ["digitalocean-token", String.raw`do[opr]_v1_[a-f0-9]{40,}`],
  ["databricks-token", String.raw`dapi[a-f0-9]{32,}`],
  ["shopify-token", String.raw`shp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,}`],
  ["telegram-token", String.raw`(?<!\d)\d{8,10}:AA[\w-]{33}`],
  ["age-key", String.raw`AGE-SECRET-KEY-1[A-Z0-9]{20,}`],
  [
    "provider-key",
    String.raw`(?:gsk_|xai-|pplx-|sbp_|r8_|ntn_|figd_|glsa_|sntrys_|pscale_\w{2,5}_)[A-Za-z0-9]{30,}`,
  ],
  ["slack-webhook", String.raw`hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]{8,}`],
  ["discord-webhook", String.raw`discord(?:app)?\.com/api/webhooks/[\w/-]{16,}`],
];

const TOKEN = new RegExp(FORMS.map(([, pattern]) => `(${pattern})`).join("|"), "g");

function replaceToken(found: string, ...groups: unknown[]): string {
  const kind = FORMS[groups.findIndex((group) => group !== undefined)]?.[0] ?? "secret";
  if (kind === "slack-webhook") return `hooks.slack.com/${mark(kind)}`;
  if (kind === "discord-webhook") return `${found.slice(0, found.indexOf("/"))}/${mark(kind)}`;
  return mark(kind);
}

export function maskTokens(text: string): string {
  return text.replace(TOKEN, replaceToken);
}
