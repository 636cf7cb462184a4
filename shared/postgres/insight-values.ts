import type { QueryResult, QueryResultRow } from "pg";
import type { Sql } from "./pool.ts";

/** What a statement that adds up many rows is sent through. */
export interface AddingUp {
  query: <Row extends QueryResultRow>(statement: {
    text: string;
    values: unknown[];
  }) => Promise<QueryResult<Row>>;
}

/** How much longer than other statements those may take that add up a whole range. */
const TIMES = 3;
/** How much later than the server's deadline the client's own is. */
const GRACE_MS = 5_000;

const PREPARE = `
set local jit = off; set local work_mem = '32MB'; set local enable_sort = off; set local enable_incremental_sort = off`;
const GIVE_TIME = `
select setting::integer as ms, set_config('statement_timeout', (${TIMES} * setting::bigint)::text, true)
from pg_settings where name = 'statement_timeout'`;

/**
 * Makes the rest of the transaction fit for adding up many rows: compiling such statements takes longer than running them,
 * and the planner, who takes every execution for a group of its own, would rather sort them all than hash the few there are.
 * What is sent through the answer may take three times as long as statements usually may.
 */
export async function prepareAddingUp(sql: Sql): Promise<AddingUp> {
  await sql.query(PREPARE);
  const { rows } = await sql.query<{ ms: number }>(GIVE_TIME);
  const usualMs = rows[0]?.ms ?? 0;
  const more = usualMs === 0 ? {} : { query_timeout: TIMES * usualMs + GRACE_MS };
  return {
    query: (statement) => {
      const patient = { ...statement, ...more };
      return sql.query(patient);
    },
  };
}
