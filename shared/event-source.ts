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

/** Where an event comes from: a sender, or this installation itself, which tells of its alerts that way. */
export const EVENT_ORIGINS = [...SOURCE_KINDS, "netra"] as const;

export type EventOrigin = (typeof EVENT_ORIGINS)[number];
