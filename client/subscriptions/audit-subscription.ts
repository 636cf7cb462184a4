import { insertAuditLog } from "../../shared/postgres/audit-logs.ts";
import type { EventSubscription } from "../../shared/postgres/event-subscriptions.ts";
import type { Sql } from "../../shared/postgres/pool.ts";

/** Writes what was done to a subscription, in the transaction that does it. */
export async function auditSubscription(
  sql: Sql,
  what: "created" | "enabled" | "disabled" | "rotated" | "replayed",
  { id, organization_id: organizationId, name }: EventSubscription,
  metadata: Readonly<Record<string, unknown>>,
): Promise<void> {
  await insertAuditLog(sql, {
    organizationId,
    userId: null,
    action: `event_subscription.${what}`,
    resourceType: "event_subscription",
    resourceId: id,
    metadata: { name, ...metadata },
  });
}
