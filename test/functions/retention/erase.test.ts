import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFolderStore } from "../../../shared/retention/archive-store.ts";
import { eraseOrganization } from "../../../shared/retention/erase-organization.ts";
import type { RetentionTools } from "../../../shared/retention/connection.ts";
import { restoreMonth } from "../../../shared/retention/restore-month.ts";
import { runRetention } from "../../../shared/retention/run-retention.ts";
import { storeEvent } from "../../helpers/deliveries.ts";
import {
  daysAgo,
  listExecutions,
  type Retention,
  setPolicy,
  startRetention,
} from "../../helpers/retention.ts";
import { asOwner } from "../../helpers/tenant.ts";
import { terminateSessions } from "../../helpers/stored.ts";

let folder: string;
let retention: Retention;
let tools: RetentionTools;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "netra-archive-"));
  retention = await startRetention();
  tools = { ...retention.context.tools, store: createFolderStore(folder) };
});
afterEach(async () => {
  await retention.close();
  await rm(folder, { recursive: true, force: true });
});

const QUICK = { keysKnownMs: 0, relayMs: 0 };
const ask = (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
  asOwner(
    retention.databases.adminDatabaseUrl,
    async (sql) => (await sql.query<Record<string, unknown>>(text, values)).rows,
  );

/** Every table of either database with a column organization_id, and how many rows of the organization it holds. */
async function countEverywhere(organizationId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const tables = await ask(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id'
     where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema')`,
  );
  for (const { name } of tables) {
    const [row] = await ask(`select count(*)::int as n from ${String(name)} where organization_id = $1`, [
      organizationId,
    ]);
    if (Number(row?.["n"]) > 0) counts[String(name)] = Number(row?.["n"]);
  }
  const [own] = await ask("select count(*)::int as n from organizations where id = $1", [organizationId]);
  if (Number(own?.["n"]) > 0) counts["organizations"] = 1;
  const client = createClient({ url: retention.databases.clickhouseUrl });
  try {
    const found = await client.query({
      query: `select table from system.columns where database = currentDatabase() and name = 'organization_id'`,
      format: "JSONEachRow",
    });
    for (const { table } of await found.json<{ table: string }>()) {
      const result = await client.query({
        query: `select count() as n from ${table} where organization_id = '${organizationId}'`,
        format: "JSONEachRow",
      });
      const n = Number((await result.json<{ n: string }>())[0]?.n);
      if (n > 0) counts[`clickhouse ${table}`] = n;
    }
  } finally {
    await client.close();
  }
  return counts;
}

async function files(): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".parquet"));
}

async function fill(): Promise<void> {
  const { tenant, other, databases } = retention;
  await setPolicy(retention, tenant.organizationId, "executions", 40, "archive");
  for (const each of [tenant, other]) {
    await retention.add(each, [daysAgo(200), daysAgo(70), daysAgo(3)]);
    await asOwner(databases.adminDatabaseUrl, async (sql) => {
      await storeEvent(sql, each.organizationId);
    });
  }
  await runRetention({ tools, dryRun: false, now: null, runMs: 60_000 });
}

it("leaves nothing in any table of either database nor in archives, and others untouched", async () => {
  await fill();
  const { tenant, other } = retention;
  const theirs = await countEverywhere(other.organizationId);
  const before = await countEverywhere(tenant.organizationId);
  expect(Object.keys(before).length).toBeGreaterThan(8);
  expect((await files()).length).toBe(2);

  const outcome = await eraseOrganization(tools, { organizationId: tenant.organizationId, ...QUICK });

  expect(outcome).toMatchObject({ is_done: true, rows_after: 0, waiting: 0 });
  expect(outcome.rows_before).toBeGreaterThan(0);
  expect(await countEverywhere(tenant.organizationId)).toEqual({});
  expect(await countEverywhere(other.organizationId)).toEqual(theirs);
  expect((await files()).every((name) => name.includes(other.organizationId))).toBe(true);
  expect(await ask("select state, subject_id from retention_runs where kind = 'erase'")).toEqual([
    { state: "done", subject_id: tenant.organizationId },
  ]);
  expect(await ask("select resource_id from audit_logs where action = 'organization.erased'")).toEqual([
    { resource_id: tenant.organizationId },
  ]);
  const month = `${new Date(daysAgo(200).timestamp).toISOString().slice(0, 7)}-01`;
  expect(await restoreMonth(tools, { month, days: 3 })).toMatchObject({ rows: 1 });
  expect((await listExecutions(retention.databases)).length).toBe(3);
});

it("is finished by the same again wherever it was cut off", async () => {
  await fill();
  const { organizationId } = retention.tenant;
  for (let at = 1; ; at += 1) {
    let steps = 0;
    const onStep = async (): Promise<void> => {
      steps += 1;
      if (steps !== at) return;
      await terminateSessions(retention.databases.adminDatabaseUrl);
      throw new Error("killed");
    };
    const outcome = await eraseOrganization({ ...tools, onStep }, { organizationId, ...QUICK }).catch(
      () => null,
    );
    if (outcome?.is_done === true) break;
    expect(at).toBeLessThan(100);
  }
  expect(await countEverywhere(organizationId)).toEqual({});
  expect(Object.keys(await countEverywhere(retention.other.organizationId)).length).toBeGreaterThan(8);
});

it("takes back what waits for the analytics copy, but never breaks a batch that holds others' rows", async () => {
  const { tenant, other } = retention;
  await retention.add(tenant, [daysAgo(3)]);
  await retention.add(other, [daysAgo(3)]);
  const queue = (organizationId: string, batch: number | null): Promise<unknown> =>
    ask(
      `insert into analytics_outbox (organization_id, record_ids, record_timestamps, bytes, batch)
       select organization_id, array[id], array[timestamp], 1, $2 from command_executions where organization_id = $1`,
      [organizationId, batch],
    );
  await queue(tenant.organizationId, null);
  await queue(tenant.organizationId, 9001);
  await queue(tenant.organizationId, 9002);
  await queue(other.organizationId, 9002);

  const first = await eraseOrganization(tools, { organizationId: tenant.organizationId, ...QUICK });

  expect(first).toMatchObject({ is_done: false, waiting: 1 });
  expect(
    await ask("select organization_id, batch from analytics_outbox order by organization_id = $1", [
      other.organizationId,
    ]),
  ).toEqual([
    { organization_id: tenant.organizationId, batch: "9002" },
    { organization_id: other.organizationId, batch: "9002" },
  ]);
  await retention.settle();
  const second = await eraseOrganization(tools, { organizationId: tenant.organizationId, ...QUICK });
  expect(second).toMatchObject({ is_done: true, waiting: 0 });
  expect(await countEverywhere(tenant.organizationId)).toEqual({});
});

it("revokes keys before anything else, so that nothing comes after", async () => {
  const { tenant, ingest } = retention;
  const steps: string[] = [];
  await eraseOrganization(
    { ...tools, onStep: (step) => void steps.push(step) },
    { organizationId: tenant.organizationId, ...QUICK },
  );
  expect(steps.slice(0, 2)).toEqual(["count", "revoke keys"]);
  expect(await ask("select 1 from api_keys where organization_id = $1", [tenant.organizationId])).toEqual([]);
  const fresh = await tenant.createKey().catch((error: unknown) => error);
  expect(fresh).toBeInstanceOf(Error);
  expect(ingest.tenant).toBe(tenant);
});

it("erases nothing where it cannot reach the files of exported archives", async () => {
  await fill();
  const { organizationId } = retention.tenant;
  const before = await countEverywhere(organizationId);
  const erased = eraseOrganization({ ...tools, store: null }, { organizationId, ...QUICK });
  await expect(erased).rejects.toThrow(/NETRA_ARCHIVE/);
  expect(await countEverywhere(organizationId)).toEqual(before);
});

it("covers a table that came since", async () => {
  await ask("create table brand_new (organization_id uuid not null, note text)");
  await ask("insert into brand_new select $1, 'x' from generate_series(1, 3)", [
    retention.tenant.organizationId,
  ]);
  const outcome = await eraseOrganization(tools, {
    organizationId: retention.tenant.organizationId,
    ...QUICK,
  });
  expect(outcome.tables).toContainEqual({
    store: "postgres",
    table: "brand_new",
    rows_before: 3,
    rows_after: 0,
  });
});
