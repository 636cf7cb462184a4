import type { Table } from "./projected-tables.ts";

/**
 * The statements that write rows of a table, in their order. Each takes the organization and a JSON array of rows with
 * distinct keys. Afterwards each key has the row of the greatest version.
 */
export function statementsFor(name: string, table: Table): { name: string; text: string }[] {
  return textsFor(name, table).map((text, index) => ({ name: `write-${name}-${index}`, text }));
}

function textsFor(name: string, table: Table): string[] {
  const upsert = `${insertInto(name, table, [...unlessOutdated(name, table), ...whereParentIs(table)])}
on conflict (organization_id, ${table.key.join(", ")}) do update
set ${assignments(table)}
where ${changes(table, "excluded", "t")}`;
  if (!("id" in table.columns)) return [upsert];
  // A table with an id has two unique keys, and an upsert that meets a new row of another transaction by the key it does not
  // name fails. "Do nothing" heeds every key: after it each row is there, so that the upsert always meets it by the one.
  const add = `${insertInto(name, table, [`not exists (${storedIn(name, table)})`])}
on conflict do nothing`;
  return [add, upsert];
}

function insertInto(name: string, table: Table, conditions: readonly string[]): string {
  const columns = Object.keys(table.columns);
  return `
insert into ${name} as t (organization_id, ${columns.join(", ")})
select $1::uuid, ${columns.map((column) => `r.${column}`).join(", ")}
from jsonb_populate_recordset(null::${name}, $2::jsonb) as r
where ${["true", ...conditions].join(" and ")}
order by ${table.key.map((column) => inOrder(table, column)).join(", ")}`;
}

/**
 * The order of the batch, said once more: a plan may read rows in any, and two transactions with different plans, as they
 * come with new statistics, would lock each other up.
 */
function inOrder(table: Table, column: string): string {
  return table.columns[column]?.type === "text" ? `r.${column} collate "C"` : `r.${column}`;
}

function storedIn(name: string, table: Table): string {
  const isSame = table.key.map((column) => `s.${column} = r.${column}`);
  return `select from ${name} s where s.organization_id = $1::uuid and ${isSame.join(" and ")}`;
}

/**
 * Leaves out rows that would change nothing. The conflict would find them too, but lock what is stored until the end of the
 * transaction: events of one repository would wait for each other, though most of them only mention it.
 */
function unlessOutdated(name: string, table: Table): string[] {
  if (table.version.length === 0) return [];
  return [`not exists (${storedIn(name, table)} and not (${changes(table, "r", "s")}))`];
}

/** Leaves out rows that refer to nothing: one of them would fail all. */
function whereParentIs({ parent }: Table): string[] {
  if (parent === undefined) return [];
  const { table, column } = parent;
  return [`exists (select from ${table} p where p.organization_id = $1::uuid and p.id = r.${column})`];
}

/** Whether a row changes the stored one. */
function changes(table: Table, row: string, stored: string): string {
  const merges = mergesOf(table, row, stored).map(
    ([column, merge]) => `${stored}.${column} is distinct from ${merge}`,
  );
  return [isNewerIn(table, row, stored), ...merges].join(" or ");
}

function assignments(table: Table): string {
  const merges = new Map(mergesOf(table, "excluded", "t"));
  const own = Object.keys(table.columns).filter((column) => !table.key.includes(column) && column !== "id");
  const sets = own.map((column) => {
    const merge = merges.get(column);
    if (merge !== undefined) return `${column} = ${merge}`;
    return merges.size === 0
      ? `${column} = excluded.${column}`
      : `${column} = case when ${isNewerIn(table, "excluded", "t")} then excluded.${column} else t.${column} end`;
  });
  return [...sets, ...("version_time" in table.columns ? ["updated_at = current_timestamp"] : [])].join(", ");
}

/** The columns that are of no one version, with what they come to. */
function mergesOf(table: Table, row: string, stored: string): [string, string][] {
  return Object.entries(table.columns).flatMap(([column, { merge }]) =>
    merge === undefined
      ? []
      : [[column, `${merge}(${stored}.${column}, ${row}.${column})`] satisfies [string, string]],
  );
}

/** The same comparison as isNewer() makes. */
function isNewerIn(table: Table, row: string, stored: string): string {
  if (table.version.length === 0) return "true";
  const versionOf = (of: string): string =>
    `(${table.version.map((column) => comparable(table, of, column)).join(", ")})`;
  return `${versionOf(row)} ${table.rewritesSameVersion ? ">=" : ">"} ${versionOf(stored)}`;
}

function comparable(table: Table, row: string, column: string): string {
  const value = `${row}.${column}`;
  const { type, required } = table.columns[column] ?? {};
  if (type === "text") return `coalesce(${value}, '') collate "C"`;
  return type === "timestamptz" && !required ? `coalesce(${value}, '-infinity')` : value;
}
