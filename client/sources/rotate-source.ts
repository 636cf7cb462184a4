import type { ListedSource } from "../../shared/postgres/event-sources.ts";
import { expireSourceSecrets, insertSourceSecret } from "../../shared/postgres/event-sources.ts";
import { insertAuditLog } from "../../shared/postgres/audit-logs.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import { UsageError } from "../exit-codes.ts";
import type { NewSecret } from "./source-secret.ts";

/** Each request is tried with every secret that holds. */
const SECRETS_MAX = 10;

export interface RotatedSource {
  name: string;
  secret_reference: string;
  /** Shown this once; null when it was not made here. */
  secret: string | null;
  /** Those that held until now, newest first, with the time each ends. */
  previous: { reference: string; not_after: string; last_matched_at: string | null }[];
}

/** Gives a source a new secret; those it has end at `notAfter`, unless they end before. */
export async function rotateSource(
  sql: Sql,
  source: ListedSource,
  secret: NewSecret,
  times: { now: Date; notAfter: Date },
): Promise<RotatedSource> {
  const { id, organization_id: organizationId, name } = source;
  const holding = source.secrets.filter(
    ({ not_after: end }) => end === null || Date.parse(end) > times.now.getTime(),
  );
  if (holding.length >= SECRETS_MAX && times.notAfter > times.now) {
    throw new UsageError(
      `${name} has ${holding.length} secrets that still hold; --overlap-hours 0 ends them at once`,
    );
  }
  await expireSourceSecrets(sql, organizationId, id, times.notAfter);
  const reference = secret.store();
  await insertSourceSecret(sql, organizationId, id, reference);
  await insertAuditLog(sql, {
    organizationId,
    userId: null,
    action: "event_source.rotated",
    resourceType: "event_source",
    resourceId: id,
    metadata: { name, secret_reference: reference, previous_until: times.notAfter.toISOString() },
  });
  const previous = holding.map(({ reference: old, not_after: end, last_matched_at: matched }) => ({
    reference: old,
    not_after: new Date(
      Math.min(times.notAfter.getTime(), end === null ? Number.POSITIVE_INFINITY : Date.parse(end)),
    ).toISOString(),
    last_matched_at: matched,
  }));
  return { name, secret_reference: reference, secret: secret.shown, previous };
}
