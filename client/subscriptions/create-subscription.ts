import { findListedSource } from "../../shared/postgres/event-sources.ts";
import type { EventSubscription } from "../../shared/postgres/event-subscriptions.ts";
import {
  findProjectIds,
  findSubscription,
  insertSubscription,
  isValidCondition,
} from "../../shared/postgres/event-subscriptions.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import { UsageError } from "../exit-codes.ts";
import { auditSubscription } from "./audit-subscription.ts";
import type { WantedSubscription } from "./read-wanted-subscription.ts";
import type { SigningSecret } from "./signing-secret.ts";

/**
 * Stores a subscription; null when its name is taken. The secret is taken last, so that nothing refused leaves one behind.
 * Throws UsageError for a source, project or condition that there is not.
 */
export async function createSubscription(
  sql: Sql,
  organizationId: string,
  wanted: WantedSubscription,
  takeSecret: () => SigningSecret,
): Promise<{ stored: EventSubscription; secret: string | null } | null> {
  if (wanted.conditions !== null && !(await isValidCondition(sql, wanted.conditions))) {
    throw new UsageError(
      "--condition is not understood; see netra subscriptions --help for its operators, and give no empty lists",
    );
  }
  const sourceId = await findSourceId(sql, organizationId, wanted.source);
  const projectId = await findProjectId(sql, organizationId, wanted.project);
  if ((await findSubscription(sql, organizationId, wanted.name)) !== null) return null;
  const secret = wanted.targetKind === "pubsub" ? null : takeSecret();
  const secrets = secret === null ? [] : [{ reference: secret.reference, not_after: null }];
  const stored = await insertSubscription(sql, { organizationId, ...wanted, sourceId, projectId, secrets });
  if (stored === null) return null;
  const { event_types: types, target_kind: targetKind } = stored;
  await auditSubscription(sql, "created", stored, { types, target_kind: targetKind });
  return { stored, secret: secret?.shown ?? null };
}

async function findSourceId(sql: Sql, organizationId: string, wanted: string | null): Promise<string | null> {
  if (wanted === null) return null;
  const found = await findListedSource(sql, organizationId, wanted);
  if (found === null) throw new UsageError(`there is no source "${wanted}"`);
  return found.id;
}

async function findProjectId(
  sql: Sql,
  organizationId: string,
  wanted: string | null,
): Promise<string | null> {
  if (wanted === null) return null;
  const [found, another] = await findProjectIds(sql, organizationId, wanted);
  if (found === undefined) throw new UsageError(`there is no project "${wanted}"`);
  if (another !== undefined && found !== wanted)
    throw new UsageError(`there are several projects "${wanted}": give the id`);
  return found;
}
