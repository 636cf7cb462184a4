import type { RejectedRequest } from "../../shared/postgres/event-listing.ts";
import type { ListedSource } from "../../shared/postgres/event-sources.ts";
import { plainText } from "../plain-text.ts";
import type { Column } from "../table.ts";
import { formatTable } from "../table.ts";
import { formatSpan } from "../time-option.ts";
import { addressOf } from "./create-source.ts";
import type { RotatedSource } from "./rotate-source.ts";
import { SENDERS } from "./senders.ts";

type Secret = ListedSource["secrets"][number];

/** A paragraph for each source. `now` in milliseconds since 1970. */
export function describeSources(
  sources: readonly ListedSource[],
  webhooksUrl: string | null,
  now: number,
): string {
  if (sources.length === 0) return "there are no sources\n";
  return sources.map((source) => describeSource(source, webhooksUrl, now)).join("\n");
}

function describeSource(source: ListedSource, webhooksUrl: string | null, now: number): string {
  const { name, kind, status, last_received_at: last, secrets, endpoint_id: endpointId } = source;
  const lines = [
    `${plainText(name)} (${kind}, ${status})`,
    `  address        ${addressOf(webhooksUrl, kind, endpointId)}`,
    `  last received  ${last === null ? "never" : `${formatSpan(now - last.getTime())} ago`}`,
    ...secrets.map((secret) => `  secret         ${describeSecret(secret, now)}`),
  ];
  if (secrets.length === 0 && SENDERS[kind].secret !== "none")
    lines.push("  secret         none yet: every request is refused");
  return lines.map((line) => `${line}\n`).join("");
}

function describeSecret(secret: Secret, now: number): string {
  const { reference, created_at: created, not_after: end, last_matched_at: matched } = secret;
  const age = `${formatSpan(now - Date.parse(created))} old`;
  return [plainText(reference), age, describeEnd(end, now), describeMatch(matched, now)].join(", ");
}

function describeEnd(end: string | null, now: number): string {
  if (end === null) return "holds";
  const left = Date.parse(end) - now;
  return left > 0 ? `ends in ${formatSpan(left)}` : `ended ${formatSpan(-left)} ago`;
}

function describeMatch(matched: string | null, now: number): string {
  return matched === null ? "never matched" : `last matched ${formatSpan(now - Date.parse(matched))} ago`;
}

/** What became of the secrets there were. */
export function describeRotated({ previous }: RotatedSource, now: number): string {
  if (previous.length === 0) return "there was no secret before\n";
  const lines = previous.map(
    (old) =>
      `before: ${plainText(old.reference)} ${describeEnd(old.not_after, now)}, ${describeMatch(old.last_matched_at, now)}\n`,
  );
  return lines.join("");
}

/** A table of what was turned away, newest first. */
export function describeRejected(requests: readonly RejectedRequest[]): string {
  if (requests.length === 0) return "nothing was rejected\n";
  const columns: Column[] = ["rejected", "source", "kind", "reason", "detail", "bytes", "body SHA-256"].map(
    (title) => ({ title, align: title === "bytes" ? "right" : "left" }),
  );
  const rows = requests.map((one) => [
    one.rejected_at.toISOString().slice(0, 19),
    one.source ?? `(${one.endpoint_id ?? "unknown"})`,
    one.kind,
    one.reason,
    one.detail,
    String(one.body_bytes),
    one.body_sha256?.slice(0, 12) ?? "–",
  ]);
  return formatTable(columns, rows);
}
