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

/** How many are kept of each source, and of all unknown addresses together. */
const KEPT = 1_000;

const INSERT = `
insert into rejected_requests (
  source_id, organization_id, rejected_at, kind, endpoint_id, reason, detail, headers, body_bytes, body_sha256
)
values ($1, $2, to_timestamp($3::double precision / 1000), $4, $5, $6, $7, $8, $9, $10)`;

const TRIM = `
delete from rejected_requests
where source_id = $1
  and id <= (select id from rejected_requests where source_id = $1 order by id desc offset $2 limit 1)`;

/** Writes it down and drops what its source has beyond the latest thousand. In a transaction with the rights of the system jobs. */
export async function insertRejectedRequest(sql: Sql, rejected: RejectedRequest): Promise<void> {
  const { source, rejectedAt, kind, endpointId, reason, detail, headers, bodyBytes, bodySha256 } = rejected;
  const sourceId = source?.id ?? UNKNOWN_SOURCE;
  await sql.query({
    text: INSERT,
    values: [
      sourceId,
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
  await sql.query({ text: TRIM, values: [sourceId, KEPT] });
}
