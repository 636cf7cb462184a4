import type { EventTypeCount, ListedEvent } from "../../shared/postgres/event-listing.ts";
import type { ReplayPlan } from "./replay-events.ts";
import type { Column } from "../table.ts";
import { formatTable } from "../table.ts";

function columnsOf(titles: readonly string[], right: readonly string[]): Column[] {
  return titles.map((title) => ({ title, align: right.includes(title) ? "right" : "left" }));
}

/** One line an event, newest first. */
export function describeEvents(events: readonly ListedEvent[]): string {
  if (events.length === 0) return "there are no such events\n";
  const titles = ["received", "type", "status", "source", "repository", "tries", "error", "id"];
  const rows = events.map((event) => [
    event.received_at.toISOString().slice(0, 19),
    event.action === null ? event.event_type : `${event.event_type} (${event.action})`,
    event.status,
    event.source_name ?? event.source,
    event.repository ?? "–",
    String(event.attempts),
    event.error_class ?? "",
    event.id,
  ]);
  return formatTable(columnsOf(titles, ["tries"]), rows);
}

/** One line a type, the most frequent first. */
export function describeTypes(types: readonly EventTypeCount[]): string {
  if (types.length === 0) return "there are no such events\n";
  const titles = ["type", "events", "in trouble", "ignored", "catalogue", "last received"];
  const rows = types.map((type) => [
    type.event_type,
    String(type.events),
    String(type.in_trouble),
    String(type.ignored),
    type.is_known ? (type.is_enabled ? "known" : "switched off") : "not known",
    type.last_received_at.toISOString().slice(0, 19),
  ]);
  return formatTable(columnsOf(titles, ["events", "in trouble", "ignored"]), rows);
}

/** How many of which type and status. */
export function describePlan({ counts }: ReplayPlan): string {
  const rows = counts.map(({ event_type: type, status, events }) => [type, status, String(events)]);
  return formatTable(columnsOf(["type", "status", "events"], ["events"]), rows);
}
