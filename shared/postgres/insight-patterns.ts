import type { Sql } from "./pool.ts";

export interface NamedPattern {
  commandBase: string;
  signature: string;
}

const PATTERNS_MAX = 2_000;
const LIST = `
select command_base, pattern_signature from command_patterns
where organization_id = $1 and command_base = any($2::text[])
order by sample_size desc, pattern_signature
limit ${PATTERNS_MAX}`;

/** The patterns of the commands, the most used first. Runs in a transaction of the organization. */
export async function listPatternsOf(
  sql: Sql,
  organizationId: string,
  commandBases: readonly string[],
): Promise<NamedPattern[]> {
  const { rows } = await sql.query<{ command_base: string; pattern_signature: string }>({
    text: LIST,
    values: [organizationId, commandBases],
  });
  return rows.map((row) => ({ commandBase: row.command_base, signature: row.pattern_signature }));
}
