import { type RollUp, SKETCHES } from "../agent/roll-up.ts";
import { decodeSketch, emptySketch, encodeSketch } from "../agent/sketch.ts";
import { encodeArray } from "./binary-array.ts";
import type { Sql } from "./pool.ts";

/** What is told of a pattern, by the names of its columns. */
export interface PatternDescription {
  statistics_30d: Record<string, unknown>;
  token_drivers: Record<string, unknown>;
  cache_patterns: Record<string, unknown>;
  optimization_insights: Record<string, unknown>;
  failure_patterns: Record<string, unknown>;
}

export interface PatternWindow {
  signature: string;
  base: string;
  window: RollUp;
}

interface StoredWindow {
  figures?: string;
  sketches?: string[];
  failures?: Record<string, number>;
}

const FIND = `
select pattern_signature as signature, window_30d as stored from command_patterns
where organization_id = $1 and pattern_signature = any($2::text[])`;

/** The windows of those of the patterns that there are. */
export async function findWindows(
  sql: Sql,
  organizationId: string,
  signatures: readonly string[],
): Promise<Map<string, RollUp>> {
  const { rows } = await sql.query<{ signature: string; stored: StoredWindow }>(FIND, [
    organizationId,
    encodeArray("text", signatures),
  ]);
  return new Map(
    rows.flatMap(({ signature, stored }) => {
      const window = readWindow(stored);
      return window === null ? [] : [[signature, window] as const];
    }),
  );
}

/** Null for a pattern that nobody has counted. */
function readWindow({ figures, sketches = [], failures = {} }: StoredWindow): RollUp | null {
  if (figures === undefined) return null;
  const [tokens, cost, time, cacheRate] = sketches.map((text) => decodeSketch(Buffer.from(text, "base64")));
  return {
    figures: figures.split(" ").map(BigInt),
    sketches: {
      tokens_sketch: tokens ?? emptySketch(),
      cost_sketch: cost ?? emptySketch(),
      time_sketch: time ?? emptySketch(),
      cache_rate_sketch: cacheRate ?? emptySketch(),
    },
    failures: new Map(Object.entries(failures)),
  };
}

function storedWindow({ figures, sketches, failures }: RollUp): StoredWindow {
  return {
    figures: figures.join(" "),
    sketches: SKETCHES.map((name) => encodeSketch(sketches[name]).toString("base64")),
    failures: Object.fromEntries(failures),
  };
}

const DESCRIBED = [
  "statistics_30d",
  "token_drivers",
  "cache_patterns",
  "optimization_insights",
  "failure_patterns",
] as const;
const STORED = ["window_30d", ...DESCRIBED];
const SAVE = `
insert into command_patterns as p
  (organization_id, pattern_signature, command_base, sample_size, last_updated, ${STORED.join(", ")})
select $1::uuid, signature, base, least(sample_size, 2147483647)::integer, to_timestamp($2::double precision / 1000),
  ${STORED.join(", ")}
from unnest($3::text[], $4::text[], $5::bigint[], ${STORED.map((_, index) => `$${index + 6}::jsonb[]`).join(", ")})
  as r (signature, base, sample_size, ${STORED.join(", ")})
on conflict (organization_id, pattern_signature) do update
set sample_size = excluded.sample_size, last_updated = excluded.last_updated,
  ${STORED.map((name) => `${name} = excluded.${name}`).join(", ")}
where (${STORED.map((name) => `p.${name}`).join(", ")})
  is distinct from (${STORED.map((name) => `excluded.${name}`).join(", ")})`;

/** Stores the patterns as they are now and returns how many of them changed. */
export async function savePatterns(
  sql: Sql,
  organizationId: string,
  patterns: readonly (PatternWindow & { sampleSize: number; description: PatternDescription })[],
  now: number,
): Promise<number> {
  const { rowCount } = await sql.query({
    name: "save-patterns",
    text: SAVE,
    values: [
      organizationId,
      now,
      encodeArray(
        "text",
        patterns.map(({ signature }) => signature),
      ),
      encodeArray(
        "text",
        patterns.map(({ base }) => base),
      ),
      encodeArray(
        "bigint",
        patterns.map(({ sampleSize }) => sampleSize),
      ),
      encodeArray(
        "jsonb",
        patterns.map(({ window }) => storedWindow(window)),
      ),
      ...DESCRIBED.map((name) =>
        encodeArray(
          "jsonb",
          patterns.map(({ description }) => description[name]),
        ),
      ),
    ],
  });
  return rowCount ?? 0;
}

/** Removes the patterns and returns how many there were. */
export async function deletePatterns(
  sql: Sql,
  organizationId: string,
  signatures: readonly string[],
): Promise<number> {
  const { rowCount } = await sql.query(
    "delete from command_patterns where organization_id = $1 and pattern_signature = any($2::text[])",
    [organizationId, encodeArray("text", signatures)],
  );
  return rowCount ?? 0;
}

const DELETE_OLD = `
delete from command_patterns p
where not exists (
  select from pattern_daily_rollups r
  where r.organization_id = p.organization_id and r.pattern_signature = p.pattern_signature and r.day >= $1
)`;

/** Removes the patterns without executions since the day, and returns how many there were. */
export async function deletePatternsBefore(sql: Sql, firstDay: string): Promise<number> {
  const { rowCount } = await sql.query(DELETE_OLD, [firstDay]);
  return rowCount ?? 0;
}
