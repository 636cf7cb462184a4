import type { Sql } from "./pool.ts";

const INSERT = `
insert into audit_logs (organization_id, user_id, action, resource_type, resource_id, metadata)
values ($1, $2, $3, $4, $5, $6)`;

export interface NewAuditLog {
  organizationId: string;
  /** Whom it concerns, or who did it; null when that is nobody in particular. */
  userId: string | null;
  /** What was done, such as `api_key.created`. */
  action: string;
  resourceType: string;
  resourceId: string;
  /** What is worth knowing besides; never a secret. */
  metadata: Readonly<Record<string, unknown>>;
}

/** Writes what was done. Belongs into the transaction of the change itself, so that neither is there without the other. */
export async function insertAuditLog(sql: Sql, entry: NewAuditLog): Promise<void> {
  const { organizationId, userId, action, resourceType, resourceId, metadata } = entry;
  await sql.query({
    text: INSERT,
    values: [organizationId, userId, action, resourceType, resourceId, JSON.stringify(metadata)],
  });
}
