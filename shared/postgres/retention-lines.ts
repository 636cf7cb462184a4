import { EXECUTION_LINE } from "./analytics-outbox.ts";
import type { Sql } from "./pool.ts";

const LINES = `
with waiting as materialized (
  select w.organization_id, r.id from analytics_outbox w cross join unnest(w.record_ids, w.record_timestamps) as r (id, at)
  where w.kind = 'executions' and r.at >= $1::date::timestamptz and r.at < ($1::date + interval '1 month')::timestamptz
)
select o.organization_id, o.id, o.timestamp::text as timestamp, e.line
from (
  select organization_id, id, timestamp from command_executions
  where timestamp >= $1::date::timestamptz and timestamp < ($1::date + interval '1 month')::timestamptz and status <> 'pending'
    and (organization_id, id, timestamp) > ($2::uuid, $3::uuid, $4::timestamptz)
    and (organization_id, id) not in (select organization_id, id from waiting)
  order by organization_id, id, timestamp limit $5
) o
  cross join lateral (select o.id, o.timestamp) x
  cross join lateral (${EXECUTION_LINE}
  ) e
order by o.organization_id, o.id, o.timestamp`;

interface LineRow {
  organization_id: string;
  id: string;
  timestamp: string;
  line: string;
}

const ZERO = "00000000-0000-0000-0000-000000000000";

/** What has ended in a month of the ledger and is not left to the relay, as the analytics copy takes it, some at a time. */
export async function* listMonthLines(
  run: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>,
  month: string,
  rowsMax: number,
): AsyncGenerator<string[]> {
  let after = { organization_id: ZERO, id: ZERO, timestamp: "-infinity" };
  for (;;) {
    const from = after;
    const { rows } = await run((sql) =>
      sql.query<LineRow>(LINES, [month, from.organization_id, from.id, from.timestamp, rowsMax]),
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(({ line }) => line);
    after = last;
  }
}
