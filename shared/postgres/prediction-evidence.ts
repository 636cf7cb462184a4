import { decodeSummaries, type KeyEvidence } from "../agent/prediction/key-evidence.ts";
import { LEARNER_VERSION, type OrganizationModel } from "../agent/prediction/organization-model.ts";
import { encodeArray } from "./binary-array.ts";
import type { Sql } from "./pool.ts";

/** What has been learned of an organization, as far as some keys need it. */
export interface StoredEvidence {
  model: OrganizationModel;
  /** Executions that were learned, and the end of the latest of them. */
  executions: number;
  learnedUntil: Date;
  /** By the hexadecimal text of the key's hash. */
  levels: Map<string, KeyEvidence>;
}

const FIND = `
select key_hash, executions, failed, summaries, models, last_ended_at
from prediction_evidence($1::uuid, ${LEARNER_VERSION}::smallint, $2::bytea[])`;

interface ModelRow {
  key_hash: null;
  executions: number;
  models: OrganizationModel;
  last_ended_at: Date;
}
interface LevelRow {
  key_hash: Buffer;
  executions: number;
  failed: number;
  summaries: Buffer;
}

/**
 * The model of one organization with the evidence of those of the keys that have any, in one round trip and outside of any
 * transaction: the statement sets its tenant itself. Null before anything was learned, or while it is another version's.
 */
export async function findEvidence(
  sql: Sql,
  organizationId: string,
  hashes: readonly Buffer[],
): Promise<StoredEvidence | null> {
  const { rows } = await sql.query<ModelRow | LevelRow>({
    name: "find-prediction-evidence",
    text: FIND,
    values: [organizationId, encodeArray("bytea", hashes)],
  });
  const levels = new Map<string, KeyEvidence>();
  let found: ModelRow | null = null;
  for (const row of rows) {
    if (row.key_hash === null) found = row;
    else {
      const { key_hash, executions, failed, summaries } = row;
      levels.set(key_hash.toString("hex"), { executions, failed, summaries: decodeSummaries(summaries) });
    }
  }
  if (found === null) return null;
  return { model: found.models, executions: found.executions, learnedUntil: found.last_ended_at, levels };
}
