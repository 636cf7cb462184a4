import {
  countReplayable,
  findDelivery,
  replayDeliveries,
  replayDelivery,
} from "../../shared/postgres/event-delivery-admin.ts";
import type { EventSubscription } from "../../shared/postgres/event-subscriptions.ts";
import { findSubscription } from "../../shared/postgres/event-subscriptions.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import { UsageError } from "../exit-codes.ts";
import { auditSubscription } from "./audit-subscription.ts";

/** Makes what failed or was cancelled in a range due again, or only counts it. */
export async function replayRange(
  sql: Sql,
  found: EventSubscription,
  times: { since: Date | null; until: Date | null },
  dryRun: boolean,
): Promise<number> {
  const range = { subscriptionId: found.id, ...times };
  if (dryRun) return await countReplayable(sql, found.organization_id, range);
  needActive(found);
  const count = await replayDeliveries(sql, found.organization_id, range);
  await auditSubscription(sql, "replayed", found, { deliveries: count, ...times });
  return count;
}

/** The same for one delivery, whatever became of it: 1, or why there is none. */
export async function replayOne(
  sql: Sql,
  organizationId: string,
  id: string,
  dryRun: boolean,
): Promise<1 | "missing" | "under way"> {
  const delivery = await findDelivery(sql, organizationId, id);
  if (delivery === null) return "missing";
  const found = await findSubscription(sql, organizationId, delivery.subscription_id);
  if (found === null) return "missing";
  if (delivery.status === "delivering") return "under way";
  if (dryRun) return 1;
  needActive(found);
  if (!(await replayDelivery(sql, organizationId, id))) return "under way";
  await auditSubscription(sql, "replayed", found, { deliveries: 1, delivery: id });
  return 1;
}

function needActive({ name, is_active: active }: EventSubscription): void {
  if (!active) throw new UsageError(`${name} is disabled: netra subscriptions enable comes first`);
}
