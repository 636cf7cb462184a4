import type { EventDetails } from "../../shared/postgres/event-details.ts";
import { plainText } from "../plain-text.ts";

const SECRET_HEADER = /auth|cookie|secret|token|signature|api-?key|password/i;
const WIDTH = 16;

/** The event with nothing in its headers that proves or grants something. */
export function withoutSecrets(event: EventDetails): EventDetails {
  const headers = Object.fromEntries(
    Object.entries(event.headers).map(([name, value]) => [
      name,
      SECRET_HEADER.test(name) ? "(hidden)" : value,
    ]),
  );
  return { ...event, headers };
}

/** Everything about one event but its body, a fact a line. */
export function describeEvent(event: EventDetails): string {
  const facts: [string, unknown][] = [
    ["id", event.id],
    ["type", `${event.event_type}${event.action === null ? "" : ` (${event.action})`}`],
    ["in catalogue", event.is_known_type],
    ["source", `${event.source_name ?? "(gone)"} (${event.source})`],
    ["delivery", event.delivery_key],
    ["received", event.received_at],
    ["provider time", event.provider_time],
    ["status", event.status],
    ["tries", event.attempts],
    ["replays", event.replays],
    ["next try", event.next_attempt_at],
    ["processed", event.processed_at],
    ["error", event.error_class === null ? null : `${event.error_class}: ${event.error_message ?? ""}`],
    ["repository", event.repository],
    ["actor", event.actor],
    ["content type", event.content_type],
    ["body", `${event.body_bytes} bytes, SHA-256 ${event.body_sha256}`],
    ["signed with", event.matched_secret],
  ];
  return [
    facts.map(([name, value]) => factLine(name, value, "")).join(""),
    section("headers", [event.headers]),
    ...event.typed.map(({ table, row }) => section(table, [row])),
    section("tries", event.tries),
    section("deliveries", event.deliveries),
    ...event.wrote.map(({ table, row }) => section(`last wrote ${table}`, [row])),
  ].join("");
}

function section(title: string, rows: readonly Record<string, unknown>[]): string {
  if (rows.length === 0) return "";
  const parts = rows.map((row) =>
    Object.entries(row)
      .map(([name, value]) => factLine(name, value, "  "))
      .join(""),
  );
  return `\n${title}\n${parts.join("  ·\n")}`;
}

function factLine(name: string, value: unknown, indent: string): string {
  if (value === null || value === undefined) return "";
  return `${indent}${plainText(name).padEnd(WIDTH)} ${plainText(textOf(value))}\n`;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toISOString();
  return JSON.stringify(value);
}
