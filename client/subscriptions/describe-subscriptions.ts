import type { ListedDelivery } from "../../shared/postgres/event-delivery-admin.ts";
import type { EventSubscription } from "../../shared/postgres/event-subscriptions.ts";
import { plainText } from "../plain-text.ts";
import type { Column } from "../table.ts";
import { formatTable } from "../table.ts";

export function describeSubscriptions(subscriptions: readonly EventSubscription[]): string {
  if (subscriptions.length === 0) return "there are no subscriptions\n";
  return table(
    ["name", "types", "to", "state", "last success", "id"],
    subscriptions.map((one) => [
      one.name,
      one.event_types.join(","),
      withoutQuery(one.target),
      stateOf(one),
      minuteOf(one.last_success_at) ?? "never",
      one.id,
    ]),
  );
}

/** Everything about one, a line each. References of secrets are shown, which say where they are and not what. */
export function describeSubscription(one: EventSubscription): string {
  const lines: [string, string | null][] = [
    ["name", one.name],
    ["id", one.id],
    ["types", one.event_types.join(", ")],
    ["source", one.source_id],
    ["repositories", one.repositories?.join(", ") ?? null],
    ["project", one.project_id],
    ["condition", one.conditions === null ? null : JSON.stringify(one.conditions)],
    ["to", withoutQuery(one.target)],
    ["state", stateOf(one)],
    ["failing since", minuteOf(one.first_failure_at)],
    ["last success", minuteOf(one.last_success_at) ?? "never"],
    ["created", minuteOf(one.created_at)],
    ...one.secrets.map(({ reference, not_after: end }): [string, string] => [
      "secret",
      `${reference}${end === null ? "" : ` until ${end.slice(0, 16)}`}`,
    ]),
  ];
  return lines
    .flatMap(([title, value]) => (value === null ? [] : `${title.padEnd(14)} ${plainText(value)}\n`))
    .join("");
}

export function describeDeliveries(deliveries: readonly ListedDelivery[]): string {
  if (deliveries.length === 0) return "there are no such deliveries\n";
  return table(
    ["id", "type", "status", "attempts", "last attempt", "next attempt", "what happened"],
    deliveries.map((one) => [
      one.id,
      one.event_type ?? "(event removed)",
      one.status,
      String(one.attempts),
      minuteOf(one.last_attempt_at) ?? "",
      minuteOf(one.next_attempt_at) ?? "",
      one.last_error ?? "",
    ]),
  );
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return formatTable(
    titles.map((title): Column => ({ title, align: "left" })),
    rows,
  );
}

function stateOf({
  is_active: active,
  disabled_reason: reason,
  first_failure_at: failing,
}: EventSubscription): string {
  if (!active) return `disabled (${reason ?? "by hand"})`;
  return failing === null ? "active" : "active, failing";
}

/** Receivers put tokens there. */
function withoutQuery(target: string): string {
  return target.replace(/[?#].*$/, "?…");
}

function minuteOf(time: Date | null): string | null {
  return time === null ? null : time.toISOString().slice(0, 16);
}
