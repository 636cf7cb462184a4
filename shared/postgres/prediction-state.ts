import { LEARNER_VERSION } from "../agent/prediction/organization-model.ts";
import type { Snapshot } from "./pattern-state.ts";
import { parseSnapshot, SERVER } from "./pattern-state.ts";
import type { Sql } from "./pool.ts";

/** Where the learning stands. */
export interface PredictionState {
  seen: Snapshot;
  unseenSince: string;
  /** Whose past is still to be learned anew. */
  organizationsToReplay: string[];
}

const READ = `
select seen::text as seen,
  to_char(unseen_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as unseen_since,
  organizations_to_replay::text[] as organizations_to_replay
from prediction_state
where server = ${SERVER} and version = ${LEARNER_VERSION}
  and pg_snapshot_xmax(seen) <= pg_snapshot_xmax(pg_current_snapshot())`;

/** Null when nothing has been learned yet, by another version, or elsewhere: then everything is learned anew. */
export async function findPredictionState(sql: Sql): Promise<PredictionState | null> {
  const { rows } = await sql.query<{ seen: string; unseen_since: string; organizations_to_replay: string[] }>(
    READ,
  );
  const [row] = rows;
  return row === undefined
    ? null
    : {
        seen: parseSnapshot(row.seen),
        unseenSince: row.unseen_since,
        organizationsToReplay: row.organizations_to_replay,
      };
}

const SAVE = `
insert into prediction_state (server, version, seen, unseen_since, organizations_to_replay)
values (${SERVER}, ${LEARNER_VERSION}, $1::pg_snapshot, $2, $3::uuid[])
on conflict (only_row) do update
set server = excluded.server, version = excluded.version, seen = excluded.seen, unseen_since = excluded.unseen_since,
  organizations_to_replay = excluded.organizations_to_replay`;

export async function savePredictionState(sql: Sql, state: PredictionState): Promise<void> {
  await sql.query(SAVE, [state.seen.text, state.unseenSince, state.organizationsToReplay]);
}

const MARK = `
update prediction_state s
set organizations_to_replay = (
  select array(
    select unnest(s.organizations_to_replay)
    union select id from organizations where $1::uuid[] is null or id = any($1)
    order by 1
  )
)`;

/**
 * Has the past of the organizations learned anew, with null that of all. An execution that is gone or was changed cannot be
 * unlearned otherwise.
 */
export async function markForReplay(sql: Sql, organizationIds: readonly string[] | null): Promise<void> {
  await sql.query(MARK, [organizationIds]);
}

/** Every organization, in a fixed order. */
export async function listOrganizationIds(sql: Sql): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>("select id from organizations order by id");
  return rows.map(({ id }) => id);
}
