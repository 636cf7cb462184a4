import { type Pool, withSystemRole } from "./pool.ts";

/** What waits, with the age of the oldest in seconds, 0 when nothing waits. */
export interface RelayFacts {
  /** At least so many: entries of the queue up to a million, and what the first COUNTED_MAX of them hold. */
  records: number;
  oldest: number;
}

export interface EventFacts {
  /** Counted up to COUNTED_MAX. Overdue: their time has come and no worker has them. */
  overdue: number;
  oldest: number;
  /** Given up within a day. */
  dead: number;
}

const COUNTED_MAX = 10_000;
const ENTRIES_MAX = 1_000_000;

const RELAY = `
select
  greatest(
    (select coalesce(sum(cardinality(record_ids)), 0)
     from (select record_ids from analytics_outbox order by seq limit ${COUNTED_MAX}) q),
    (select count(*) from (select from analytics_outbox limit ${ENTRIES_MAX}) q)
  )::float8 as records,
  (select coalesce(extract(epoch from now() - created_at), 0)
   from analytics_outbox order by seq limit 1)::float8 as oldest`;

export async function getRelayFacts(pool: Pool): Promise<RelayFacts> {
  const { records, oldest } = await first<{ records: number; oldest: number | null }>(pool, RELAY);
  return { records, oldest: oldest ?? 0 };
}

const due = (table: string): string => `
  (select count(*) from (select from ${table} where next_attempt_at < now() limit ${COUNTED_MAX}) q) as overdue,
  (select extract(epoch from now() - min(next_attempt_at)) from ${table} where next_attempt_at < now())::float8 as oldest`;

const EVENTS = `
select ${due("events")},
  (select count(*) from (
    select from events where status = 'dead_letter' and received_at > now() - interval '1 day' limit ${COUNTED_MAX}
  ) q) as dead`;

const DELIVERIES = `
select ${due("event_deliveries")},
  (select count(*) from (
    select from event_deliveries
    where status = 'dead_letter' and last_attempt_at > now() - interval '1 day' limit ${COUNTED_MAX}
  ) q) as dead`;

type EventRow = Omit<EventFacts, "oldest"> & { oldest: number | null };

async function eventFacts(pool: Pool, text: string): Promise<EventFacts> {
  const row = await first<EventRow>(pool, text);
  return { ...row, oldest: row.oldest ?? 0 };
}

export async function getEventFacts(pool: Pool): Promise<EventFacts> {
  return eventFacts(pool, EVENTS);
}

export async function getDeliveryFacts(pool: Pool): Promise<EventFacts> {
  return eventFacts(pool, DELIVERIES);
}

/** When the last execution was stored, as steps of time: no index leads there, and each step reads only what is recent. */
export interface LastExecutionFacts {
  /** The shortest of these spans, in seconds, within which one was stored; null when none was within the longest. */
  within: number | null;
  is_empty: boolean;
}

const SPANS = [60, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400] as const;

const LAST = `
select
  case ${SPANS.map(
    (span) =>
      `when exists (select from ingest_keys where seen_at > now() - interval '${span} seconds') then ${span}`,
  ).join("\n    ")}
  end as within,
  not exists (select from command_executions) as is_empty`;

/** Keeps the question for the last execution cheap; to be called each minute. */
export async function summarizeIngestKeys(pool: Pool): Promise<void> {
  await withSystemRole(pool, (sql) => sql.query("select summarize_ingest_keys()"));
}

export async function getLastExecutionFacts(pool: Pool): Promise<LastExecutionFacts> {
  return first<LastExecutionFacts>(pool, LAST);
}

/** The one row of a question that adds up. */
async function first<Row extends object>(pool: Pool, text: string): Promise<Row> {
  return withSystemRole(pool, async (sql) => {
    const [row] = (await sql.query<Row>({ text })).rows;
    if (row === undefined) throw new Error("a question without an aggregate");
    return row;
  });
}
