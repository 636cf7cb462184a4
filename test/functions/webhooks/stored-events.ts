import { asOwner } from "../../helpers/tenant.ts";

export interface StoredEvent {
  id: string;
  organization_id: string;
  source_id: string;
  source: string;
  event_type: string;
  action: string | null;
  delivery_key: string;
  body: Buffer;
  body_sha256: Buffer;
  is_text: boolean;
  content_type: string | null;
  headers: Record<string, string>;
  matched_secret_id: string | null;
  status: string;
  attempts: number;
  next_attempt_at: Date | null;
  received_at: Date;
  error_class: string | null;
}

/** Events as the owner sees them, of all organizations. */
export async function listEvents(
  adminDatabaseUrl: string,
  condition: string,
  values: readonly unknown[] = [],
): Promise<StoredEvent[]> {
  return asOwner(adminDatabaseUrl, async (sql) => {
    const text = `select * from events where ${condition} order by received_at, id`;
    return (await sql.query<StoredEvent>({ text, values: [...values] })).rows;
  });
}

export interface StoredRejection {
  source_id: string;
  id: string;
  organization_id: string | null;
  kind: string;
  endpoint_id: string | null;
  reason: string;
  detail: string;
  headers: Record<string, string>;
  body_bytes: string;
  body_sha256: Buffer | null;
}

export async function listRejections(adminDatabaseUrl: string): Promise<StoredRejection[]> {
  return asOwner(adminDatabaseUrl, async (sql) => {
    const text = "select * from rejected_requests order by rejected_at, id";
    return (await sql.query<StoredRejection>(text)).rows;
  });
}
