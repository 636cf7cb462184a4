import { type Pool, withSystemRole } from "./pool.ts";

/** Counters that only grow, of which what they grew by within the last hour is told. */
export type SampledMetric = "deadlocks" | "blocks_hit" | "blocks_read" | "log_bytes";

export interface Sample {
  metric: SampledMetric;
  value: number;
  /** In seconds. */
  age: number;
}

// The oldest of the last hour: what has grown since is what happened lately.
const LIST = `
select distinct on (metric) metric, value, extract(epoch from now() - sampled_at)::float8 as age
from health_samples
where sampled_at > now() - interval '1 hour'
order by metric, sampled_at`;

export async function listSamples(pool: Pool): Promise<Sample[]> {
  return withSystemRole(pool, async (sql) => (await sql.query<Sample>({ text: LIST })).rows);
}

const INSERT = `
with gone as (
  delete from health_samples where sampled_at < now() - interval '2 hours'
)
insert into health_samples (metric, value)
select * from unnest($1::text[], $2::double precision[])
on conflict do nothing`;

/** Notes the counters as they stand, and forgets what is older than two hours. */
export async function insertSamples(
  pool: Pool,
  samples: Readonly<Partial<Record<SampledMetric, number>>>,
): Promise<void> {
  const entries = Object.entries(samples);
  await withSystemRole(pool, (sql) =>
    sql.query({
      text: INSERT,
      values: [entries.map(([metric]) => metric), entries.map(([, value]) => value)],
    }),
  );
}

/** By how much a counter has grown since its sample; from zero where it has been set back; null without a sample. */
export function growthOf(
  samples: readonly Sample[],
  metric: SampledMetric,
  value: number,
): { by: number; seconds: number } | null {
  const sample = samples.find((one) => one.metric === metric);
  if (sample === undefined) return null;
  return { by: value >= sample.value ? value - sample.value : value, seconds: sample.age };
}
