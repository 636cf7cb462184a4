import { LEARNER_VERSION, type OrganizationModel } from "../agent/prediction/organization-model.ts";
import type { Sql } from "./pool.ts";

/** What the learner goes on from; its shape is the learner's own. */
export interface StoredLearner<Learner> {
  executions: number;
  /** The latest end that was learned, in ms since 1970. */
  lastEndedAt: number;
  learner: Learner;
}

const FIND_LEARNER = `
select executions, (extract(epoch from last_ended_at) * 1000)::double precision as last_ended_at, learner
from prediction_models where organization_id = $1`;

/** Null for an organization that nothing has been learned of. Only asked once everything stored is of this version. */
export async function findLearner<Learner>(
  sql: Sql,
  organizationId: string,
): Promise<StoredLearner<Learner> | null> {
  const { rows } = await sql.query<{ executions: number; last_ended_at: number; learner: Learner }>(
    FIND_LEARNER,
    [organizationId],
  );
  const [row] = rows;
  return row === undefined
    ? null
    : { executions: row.executions, lastEndedAt: row.last_ended_at, learner: row.learner };
}

const SAVE = `
insert into prediction_models (organization_id, version, executions, last_ended_at, models, learner)
values ($1, ${LEARNER_VERSION}, $2, to_timestamp($3::double precision / 1000), $4, $5)
on conflict (organization_id) do update
set version = excluded.version, executions = excluded.executions, last_ended_at = excluded.last_ended_at,
  models = excluded.models, learner = excluded.learner, updated_at = current_timestamp`;

export async function saveModel<Learner>(
  sql: Sql,
  organizationId: string,
  model: OrganizationModel,
  { executions, lastEndedAt, learner }: StoredLearner<Learner>,
): Promise<void> {
  await sql.query(SAVE, [
    organizationId,
    executions,
    lastEndedAt,
    JSON.stringify(model),
    JSON.stringify(learner),
  ]);
}

export async function deleteModel(sql: Sql, organizationId: string): Promise<void> {
  await sql.query("delete from prediction_models where organization_id = $1", [organizationId]);
}
