import type { KeyEvidence } from "../../../shared/agent/prediction/key-evidence.ts";
import type { LevelKey } from "../../../shared/agent/prediction/level.ts";
import type { OrganizationModel } from "../../../shared/agent/prediction/organization-model.ts";
import { AppError } from "../../../shared/errors.ts";
import { findEvidence } from "../../../shared/postgres/prediction-evidence.ts";
import { hashOfKey } from "../../../shared/postgres/prediction-levels.ts";
import { isPassing, type Pool } from "../../../shared/postgres/pool.ts";

/** What an organization's past says of some commands. */
export interface Evidence {
  /** Null before anything was learned. */
  model: OrganizationModel | null;
  /** Executions that were learned, and the end of the latest of them. */
  executions: number;
  learnedUntil: string | null;
  find: (key: LevelKey) => KeyEvidence | undefined;
}

const NONE: Evidence = { model: null, executions: 0, learnedUntil: null, find: () => undefined };

/** One look-up by keys, whatever the organization has stored and however many commands there are. */
export async function readEvidence(
  pool: Pool,
  organizationId: string,
  keys: readonly LevelKey[],
): Promise<Evidence> {
  const hashes = new Map(keys.map((key) => [key, hashOfKey(key)]));
  const distinct = new Map([...hashes.values()].map((hash) => [hash.toString("hex"), hash]));
  try {
    const found = await findEvidence(pool, organizationId, [...distinct.values()]);
    if (found === null) return NONE;
    const { model, executions, learnedUntil, levels } = found;
    const find: Evidence["find"] = (key) => levels.get(hashes.get(key)?.toString("hex") ?? "");
    return { model, executions, learnedUntil: learnedUntil.toISOString(), find };
  } catch (cause) {
    if (cause instanceof AppError || !isPassing(cause)) throw cause;
    throw new AppError("unavailable", "what was learned cannot be read right now; ask again", {
      cause,
      retryAfterSeconds: 2,
    });
  }
}
