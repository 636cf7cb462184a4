/**
 * Splits what one group of executions used among its targets, so that the parts sum to the whole exactly: each target gets
 * its weight's share in whole units (executions, tokens, pico-dollars), and the units that are left go to the largest
 * remainders, on a tie to the target that comes first. The one execution of a group of one is so counted for one target.
 */

/** Each with how many of its units make one of the column's. */
const MEASURES = [
  ["executions", 1],
  ["failures", 1],
  ["total_tokens", 1],
  ["unmeasured", 1],
  ["cost_usd", 1_000_000_000_000],
  ["unpriced", 1],
] as const;

/**
 * A query of `from`'s rows (id, place, weight, measures and whatever else) with their parts of the measures, and in `shared`
 * how many executions of the part were for others as well.
 */
export function splitParts(from: string): string {
  const bases = MEASURES.map(
    ([name, units]) => `
        div(${name} * ${units} * weight, weights) as ${name}_base, mod(${name} * ${units} * weight, weights) as ${name}_left`,
  );
  const placed = MEASURES.map(
    ([name, units]) => `
      ${name} * ${units} - sum(${name}_base) over (partition by id) as ${name}_more,
      row_number() over (partition by id order by ${name}_left desc, place) as ${name}_place`,
  );
  const parts = MEASURES.map(
    ([name, units]) => `
    ((${name}_base + (${name}_place <= ${name}_more)::integer) / ${units})::${units === 1 ? "numeric" : "numeric(30, 12)"} as ${name}`,
  );
  return `
  select id, target, evidence, person, session_id, first_at, last_at,${parts.join(",")},
    case when targets > 1 then whole else 0 end as shared
  from (
    select id, target, evidence, person, session_id, first_at, last_at, place, targets, executions as whole,${MEASURES.map(([name]) => ` ${name}_base`).join(",")},${placed.join(",")}
    from (
      select weighed.*,${bases.join(",")}
      from (
        select *, sum(weight) over (partition by id) as weights, count(*) over (partition by id) as targets
        from ${from}
      ) weighed
    ) based
  ) placed`;
}
