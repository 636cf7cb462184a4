import type { Sql } from "./pool.ts";

/** A request that was turned away. */
export interface RejectedRequest {
  /** Null when no source is known by its address. */
  source: { id: string; organizationId: string } | null;
  /** Milliseconds since 1970. */
  rejectedAt: number;
  kind: string;
  endpointId: string | null;
  /** Short code, such as bad_signature. */
  reason: string;
  detail: string;
  headers: Readonly<Record<string, string>>;
  bodyBytes: number;
  bodySha256: Buffer | null;
}

const UNKNOWN_SOURCE = "00000000-0000-0000-0000-000000000000";

const INSERT = `
insert into rejected_requests (
  source_id, slot, organization_id, rejected_at, kind, endpoint_id, reason, detail, headers, body_bytes, body_sha256
)
values (
  $1, nextval('rejected_request_slot') % 1000, $2, to_timestamp($3::double precision / 1000), $4, $5, $6, $7, $8, $9, $10
)
on conflict (source_id, slot) do update set
  organization_id = excluded.organization_id, rejected_at = excluded.rejected_at, kind = excluded.kind,
  endpoint_id = excluded.endpoint_id, reason = excluded.reason, detail = excluded.detail, headers = excluded.headers,
  body_bytes = excluded.body_bytes, body_sha256 = excluded.body_sha256`;

/** Writes it into the next of its source's thousand places. Needs the rights of the system jobs. */
export async function insertRejectedRequest(sql: Sql, rejected: RejectedRequest): Promise<void> {
  const { source, rejectedAt, kind, endpointId, reason, detail, headers, bodyBytes, bodySha256 } = rejected;
  await sql.query({
    text: INSERT,
    values: [
      source?.id ?? UNKNOWN_SOURCE,
      source?.organizationId ?? null,
      rejectedAt,
      kind,
      endpointId,
      reason,
      detail,
      headers,
      bodyBytes,
      bodySha256,
    ],
  });
}
