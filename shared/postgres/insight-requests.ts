import type { Usage } from "../agent/usage.ts";
import type { InsightRange } from "../insight-cells.ts";
import { HEAVY_EXECUTIONS_MAX } from "../insight-sessions.ts";
import type { AddingUp } from "./insight-values.ts";

/** How long a cache entry of each lifetime lasts after it was last used. Source: prompt caching, Anthropic documentation. */
const LIFETIME_SECONDS = { short: 300, long: 3_600 } as const;

/**
 * What the requests of a repository to one model did with its cache, over the sessions that were looked into. A chain is the
 * requests of one session to one model, in order; its lifetime is the one all its cache writes asked for.
 */
export interface IdleGaps {
  repository: string | null;
  model: string;
  lifetime: "5m" | "1h";
  sessions: number;
  requests: number;
  /** Waits of more than five minutes and at most an hour between two requests of a chain. */
  gaps: number;
  writeTokens: number;
  /** Written again after such a wait, although the request before had them in the cache. */
  rewrittenTokens: number;
  /** Read after such a wait, which a cache of five minutes would have had to write again. */
  servedTokens: number;
  /** Of the executions that the requests belong to; null when there are too many to be told. */
  executionModels: (string | null)[] | null;
}

/** Requests to a model with a price by size, of the sessions that were looked into, by how they were billed. */
export interface LongRequests {
  model: string;
  speed: "standard" | "fast";
  inferenceGeo: string | null;
  isLong: boolean;
  requests: number;
  usage: Usage;
  /** Of the executions that the requests belong to; null when there are too many to be told. */
  repositories: (string | null)[] | null;
  executionModels: (string | null)[] | null;
}

export interface InsightRequests {
  gaps: IdleGaps[];
  long: LongRequests[];
}

/** Of stored requests. They are compressed: those of one sender are about a quarter of a million, but there is no saying. */
const BYTES_MAX = 16 * 1024 * 1024;
const REQUESTS_MAX = 300_000;
const NAMES_MAX = 20;

/** One more than are told, so that it shows when there are more. */
const names = (column: string): string => `to_jsonb((array_agg(distinct ${column}))[1:${NAMES_MAX + 1}])`;
const PROMPT = "input + cache_read + write_5m + write_1h";
/** Whose requests are looked into, $4; the first are the most important. */
const WHOSE = {
  sessions: {
    from: "command_executions e",
    where: "and e.session_id = any ($4::text[])",
    order: "array_position($4::text[], e.session_id::text), e.timestamp, e.id",
  },
  // By their key, where all the sessions of a range would have to be looked through for them.
  executions: {
    from: "unnest($4::uuid[]) with ordinality as told (id, place) join command_executions e using (id)",
    where: "",
    order: "told.place",
  },
};

const statementOf = ({ from, where, order }: (typeof WHOSE)["sessions"]): string => `
with chosen as materialized (
  select session_id, repository, model_version, output_characteristics
  from (
    select e.session_id, e.model_version, e.workspace_context ->> 'repository' as repository, e.output_characteristics,
      sum(pg_column_size(e.output_characteristics)) over important as bytes, row_number() over important as position
    from ${from}
    where e.organization_id = $1 and e.timestamp >= $2 and e.timestamp < $3 and e.status <> 'pending' ${where}
    window important as (order by ${order})
  ) measured
  where bytes <= ${BYTES_MAX} and position <= ${HEAVY_EXECUTIONS_MAX}
), requests as materialized (
  select c.session_id, c.repository, c.model_version, r.model, r.timestamp as at, r.id as request_id,
    coalesce(r.speed, 'standard') as speed, r.inference_geo,
    (r.usage ->> 'input_tokens')::bigint as input, (r.usage ->> 'output_tokens')::bigint as output,
    (r.usage ->> 'cache_read_tokens')::bigint as cache_read,
    (r.usage ->> 'cache_write_5m_tokens')::bigint as write_5m, (r.usage ->> 'cache_write_1h_tokens')::bigint as write_1h
  from chosen c
    cross join lateral jsonb_to_recordset(
      case when jsonb_typeof(c.output_characteristics -> 'requests') = 'array'
        then c.output_characteristics -> 'requests' else '[]' end
    ) as r (id text, model text, timestamp timestamptz, usage jsonb, speed text, inference_geo text)
  limit ${REQUESTS_MAX}
), chained as (
  select *,
    extract(epoch from at - lag(at) over chain) as waited,
    lag(cache_read + write_5m + write_1h) over chain as cached_before,
    sum(write_5m) over whole as chain_5m,
    sum(write_1h) over whole as chain_1h
  from requests
  window chain as (partition by session_id, model order by at, request_id), whole as (partition by session_id, model)
), gaps as (
  select repository, model, case when chain_1h > 0 then '1h' else '5m' end as lifetime,
    count(distinct session_id) as sessions,
    count(*) as requests,
    count(*) filter (where is_gap) as gaps,
    sum(write_5m + write_1h) as write_tokens,
    coalesce(sum(least(write_5m, greatest(0, cached_before - cache_read))) filter (where is_gap), 0) as rewritten_tokens,
    coalesce(sum(least(cache_read, cached_before)) filter (where is_gap), 0) as served_tokens,
    ${names("model_version")} as execution_models
  from (
    select *, waited > ${LIFETIME_SECONDS.short} and waited <= ${LIFETIME_SECONDS.long} as is_gap from chained
    where (chain_5m > 0) <> (chain_1h > 0)
  ) judged
  group by 1, 2, 3
), tiers as (
  select * from unnest($5::text[], $6::bigint[]) as t (model, threshold)
), long as (
  select r.model, r.speed, r.inference_geo, ${PROMPT} > t.threshold as is_long,
    count(*) as requests, sum(input) as input, sum(output) as output, sum(cache_read) as cache_read,
    sum(write_5m) as write_5m, sum(write_1h) as write_1h,
    ${names("r.repository")} as repositories, ${names("r.model_version")} as execution_models
  from requests r join tiers t on t.model = r.model
  group by 1, 2, 3, 4
)
select (select coalesce(jsonb_agg(g order by g.write_tokens desc, g.repository, g.model, g.lifetime), '[]') from gaps g) as gaps,
  (select coalesce(jsonb_agg(l order by l.model, l.is_long, l.speed, l.inference_geo), '[]') from long l) as long`;

interface Row {
  gaps: {
    repository: string | null;
    model: string;
    lifetime: "5m" | "1h";
    sessions: number;
    requests: number;
    gaps: number;
    write_tokens: number;
    rewritten_tokens: number;
    served_tokens: number;
    execution_models: (string | null)[];
  }[];
  long: {
    model: string;
    speed: "standard" | "fast";
    inference_geo: string | null;
    is_long: boolean;
    requests: number;
    input: number;
    output: number;
    cache_read: number;
    write_5m: number;
    write_1h: number;
    repositories: (string | null)[];
    execution_models: (string | null)[];
  }[];
}

/** Sessions by name, or executions by id; the first are the most important. */
export type Whose = readonly string[] | { executions: readonly string[] };

/**
 * Looks into single requests, for the given sessions or executions as far as 50,000 executions, 16 MiB of stored requests
 * and 300,000 of them go. `tiers` are the prompt sizes above which a model gets dearer. Runs in a transaction of the organization.
 */
export async function listInsightRequests(
  sql: AddingUp,
  organizationId: string,
  { from, to }: InsightRange,
  whose: Whose,
  tiers: readonly { model: string; abovePromptTokens: number }[],
): Promise<InsightRequests> {
  const { rows } = await sql.query<Row>({
    text: statementOf(WHOSE["executions" in whose ? "executions" : "sessions"]),
    values: [
      organizationId,
      from.toISOString(),
      to.toISOString(),
      "executions" in whose ? whose.executions : whose,
      tiers.map(({ model }) => model),
      tiers.map(({ abovePromptTokens }) => abovePromptTokens),
    ],
  });
  const row = rows[0] ?? { gaps: [], long: [] };
  return {
    gaps: row.gaps.map((gap) => ({
      repository: gap.repository,
      model: gap.model,
      lifetime: gap.lifetime,
      sessions: gap.sessions,
      requests: gap.requests,
      gaps: gap.gaps,
      writeTokens: gap.write_tokens,
      rewrittenTokens: gap.rewritten_tokens,
      servedTokens: gap.served_tokens,
      executionModels: allOf(gap.execution_models),
    })),
    long: row.long.map((long) => ({
      model: long.model,
      speed: long.speed,
      inferenceGeo: long.inference_geo,
      isLong: long.is_long,
      requests: long.requests,
      usage: {
        input_tokens: long.input,
        output_tokens: long.output,
        cache_read_tokens: long.cache_read,
        cache_write_5m_tokens: long.write_5m,
        cache_write_1h_tokens: long.write_1h,
      },
      repositories: allOf(long.repositories),
      executionModels: allOf(long.execution_models),
    })),
  };
}

function allOf(told: (string | null)[]): (string | null)[] | null {
  return told.length > NAMES_MAX ? null : told;
}
