import { hash } from "node:crypto";
import { decodeSummaries, encodeSummaries, type KeyEvidence } from "../agent/prediction/key-evidence.ts";
import type { LevelKey } from "../agent/prediction/level.ts";
import { encodeArray } from "./binary-array.ts";
import type { Sql } from "./pool.ts";

const HASH_BYTES = 16;

/** What a key is stored under. */
export function hashOfKey({ level, key }: LevelKey): Buffer {
  return hash("sha256", `${level} ${key}`, "buffer").subarray(0, HASH_BYTES);
}

const FIND = `
select key_hash, executions, failed, summaries from prediction_levels
where organization_id = $1 and key_hash = any($2::bytea[])`;

/** The evidence of those of the keys that have any, by the hexadecimal text of their hash. */
export async function findLevels(
  sql: Sql,
  organizationId: string,
  hashes: readonly Buffer[],
): Promise<Map<string, KeyEvidence>> {
  const { rows } = await sql.query<{
    key_hash: Buffer;
    executions: number;
    failed: number;
    summaries: Buffer;
  }>({
    name: "find-prediction-levels",
    text: FIND,
    values: [organizationId, encodeArray("bytea", hashes)],
  });
  return new Map(
    rows.map(({ key_hash, executions, failed, summaries }) => [
      key_hash.toString("hex"),
      { executions, failed, summaries: decodeSummaries(summaries) },
    ]),
  );
}

interface LevelToStore extends KeyEvidence {
  key: LevelKey;
  /** By hashOfKey. */
  hash: Buffer;
}

const SAVE = `
insert into prediction_levels (organization_id, key_hash, level, executions, failed, summaries)
select $1::uuid, key_hash, level, executions, failed, summaries
from unnest($2::bytea[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[])
  as r (key_hash, level, executions, failed, summaries)
on conflict (organization_id, key_hash) do update
set executions = excluded.executions, failed = excluded.failed, summaries = excluded.summaries`;

/** Stores the evidence in the place of what was there. No hash may be in it twice. */
export async function saveLevels(
  sql: Sql,
  organizationId: string,
  levels: readonly LevelToStore[],
): Promise<void> {
  await sql.query({
    name: "save-prediction-levels",
    text: SAVE,
    values: [
      organizationId,
      encodeArray(
        "bytea",
        levels.map(({ hash: keyHash }) => keyHash),
      ),
      encodeArray(
        "text",
        levels.map(({ key }) => key.level),
      ),
      encodeArray(
        "bigint",
        levels.map(({ executions }) => executions),
      ),
      encodeArray(
        "bigint",
        levels.map(({ failed }) => failed),
      ),
      encodeArray(
        "bytea",
        levels.map(({ summaries }) => encodeSummaries(summaries)),
      ),
    ],
  });
}

export async function deleteLevels(sql: Sql, organizationId: string): Promise<void> {
  await sql.query("delete from prediction_levels where organization_id = $1", [organizationId]);
}
