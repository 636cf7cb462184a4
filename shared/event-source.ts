/** The kinds of senders, by the names in their addresses: `POST /{kind}/{endpoint}`. */
export const SOURCE_KINDS = [
  "github",
  "slack",
  "linear",
  "vercel",
  "standard",
  "signed",
  "cloud-build",
  "cloud-deploy",
] as const;

export type SourceKind = (typeof SOURCE_KINDS)[number];
