import {
  decodeSummaries,
  type KeySummaries,
  summariesOf,
} from "../../../../shared/agent/prediction/key-evidence.ts";
import type { LogSummary } from "../../../../shared/agent/prediction/log-summary.ts";
import { QUANTITIES } from "../../../../shared/agent/prediction/quantity.ts";
import { asOwner } from "../../../helpers/tenant.ts";

interface LearnedLevel {
  organization_id: string;
  level: string;
  executions: string;
  failed: string;
  summaries: Partial<Record<string, readonly LogSummary[]>>;
}

interface Learned {
  models: { organization_id: string; executions: string; models: unknown; learner: unknown }[];
  /** By organization and key. */
  levels: Map<string, LearnedLevel>;
}

/** Everything predictions are made from, without when it was written. */
export function readLearned(adminDatabaseUrl: string): Promise<Learned> {
  return asOwner(adminDatabaseUrl, async (sql) => {
    const models = await sql.query(
      "select organization_id, executions, last_ended_at, models, learner from prediction_models order by 1",
    );
    const levels = await sql.query<LearnedLevel & { key: string; summaries: Buffer }>(
      `select organization_id || ' ' || encode(key_hash, 'hex') as key, organization_id, level, executions, failed, summaries
       from prediction_levels order by 1`,
    );
    return {
      models: models.rows as Learned["models"],
      levels: new Map(
        levels.rows.map(({ key, summaries, ...rest }) => [
          key,
          { ...rest, summaries: readAll(decodeSummaries(summaries)) },
        ]),
      ),
    };
  });
}

function readAll(all: KeySummaries): LearnedLevel["summaries"] {
  const told = QUANTITIES.map((quantity) => [quantity, summariesOf(all, quantity)] as const);
  return Object.fromEntries(
    told.flatMap(([quantity, summaries]) => (summaries ? [[quantity, summaries]] : [])),
  );
}

/** The largest difference between two numbers at the same place, relative to their size; infinite where places differ. */
export function largestDifference(one: unknown, other: unknown): number {
  if (typeof one === "number" && typeof other === "number") {
    return one === other ? 0 : Math.abs(one - other) / Math.max(1, Math.abs(one), Math.abs(other));
  }
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null)
    return one === other ? 0 : Infinity;
  const [a, b] = [new Map(Object.entries(one)), new Map(Object.entries(other))];
  if (a.size !== b.size) return Infinity;
  return Math.max(
    0,
    ...[...a].map(([name, value]) => (b.has(name) ? largestDifference(value, b.get(name)) : Infinity)),
  );
}
