import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { insertExecutions } from "../../shared/postgres/command-executions.ts";
import { createFolderStore } from "../../shared/retention/archive-store.ts";
import type { RetentionTools } from "../../shared/retention/connection.ts";
import { eraseOrganization } from "../../shared/retention/erase-organization.ts";
import { restoreMonth } from "../../shared/retention/restore-month.ts";
import { runRetention } from "../../shared/retention/run-retention.ts";
import {
  daysAgo,
  listArchived,
  listExecutions,
  type Retention,
  setPolicy,
  startRetention,
} from "../helpers/retention.ts";
import { listAnalytics } from "../helpers/stored.ts";
import { asOwner } from "../helpers/tenant.ts";

/** What this file guards: retention takes what it is told to take, all of it and nothing else, in both stores and in files. */
let folder: string;
let retention: Retention;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "netra-archive-"));
  retention = await startRetention();
});
afterEach(async () => {
  await retention.close();
  await rm(folder, { recursive: true, force: true });
});

const refuse = (): Promise<never> => Promise.reject(new Error("connect ECONNREFUSED"));
const monthOf = (days: number): string => `${new Date(daysAgo(days).timestamp).toISOString().slice(0, 7)}-01`;
const run = (tools: RetentionTools = retention.context.tools): ReturnType<typeof runRetention> =>
  runRetention({ tools, dryRun: false, now: null, runMs: 60_000 });
const ask = (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
  asOwner(
    retention.databases.adminDatabaseUrl,
    async (sql) => (await sql.query<Record<string, unknown>>(text, values)).rows,
  );
const copied = async (): Promise<string[]> =>
  (await listAnalytics(retention.databases.clickhouseUrl)).map(({ id }) => id);
const stored = (): Promise<Record<string, unknown>[]> =>
  ask("select id::text as id from command_executions order by id::text");

it("keeps for a hundred years what is to be kept for a hundred years", async () => {
  await setPolicy(retention, null, "workload_events", 36_500);
  const client = createClient({ url: retention.databases.clickhouseUrl });
  try {
    await run();
    await client.insert({
      table: "workload_events",
      values: [
        {
          organization_id: retention.tenant.organizationId,
          event_id: "00000000-0000-7000-8000-000000000001",
          timestamp: new Date().toISOString().slice(0, 19).replace("T", " "),
          workload_id: "w",
          event_type: "t",
          event_category: "c",
        },
      ],
      format: "JSONEachRow",
    });
    await client.command({ query: "optimize table workload_events final" });
    const result = await client.query({
      query: "select count() as rows from workload_events",
      format: "JSONEachRow",
    });
    expect(await result.json()).toEqual([{ rows: 1 }]);
  } finally {
    await client.close();
  }
});

it("erases the files of an export that was cut off before its manifest was written", async () => {
  await retention.add(retention.tenant, [daysAgo(200)]);
  await retention.add(retention.other, [daysAgo(200)]);
  const good = createFolderStore(folder);
  const store = {
    ...good,
    put: (name: string, bytes: Buffer) =>
      name.endsWith(".json") ? Promise.reject(new Error("no space left on device")) : good.put(name, bytes),
  };
  expect((await run({ ...retention.context.tools, store })).deferred).toMatchObject([
    { reason: "archive_away" },
  ]);

  const { organizationId } = retention.tenant;
  const tools = { ...retention.context.tools, store: good };
  const outcome = await eraseOrganization(tools, { organizationId, keysKnownMs: 0, relayMs: 0 });

  expect(outcome.is_done).toBe(true);
  const left = await readdir(folder, { recursive: true });
  expect(left.filter((name) => name.includes(organizationId))).toEqual([]);
  expect((await run(tools)).archives).toMatchObject([{ state: "exported", rows: 1 }]);
});

it("removes rejected requests of unknown senders as well", async () => {
  await ask(
    `insert into rejected_requests (source_id, rejected_at, kind, reason, detail, headers, body_bytes)
     select '00000000-0000-0000-0000-000000000000', now() - make_interval(days => n), 'github', 'unknown', 'x', '{}', 0
     from unnest(array [3, 100]) as n`,
  );
  expect((await run()).is_done).toBe(true);
  expect(await ask("select count(*)::int as n from rejected_requests")).toEqual([{ n: 1 }]);
});

it("has each execution once in the copy when one comes late while its month is restored", async () => {
  await retention.add(retention.tenant, [daysAgo(200)]);
  await run();
  const late = [daysAgo(200), daysAgo(200)];
  const arrive = async (index: number): Promise<void> => {
    await insertExecutions(
      retention.patterns.context.pool,
      retention.tenant.organizationId,
      late.slice(index, index + 1),
    );
  };
  const { clickhouse } = retention.context.tools;
  const watched = Object.assign(Object.create(clickhouse) as typeof clickhouse, {
    command: async (options: { query: string }) => {
      if (options.query.includes("replace partition")) {
        await arrive(1);
        // What its sender does: have it carried over at once.
        await fetch(`${retention.ingest.url}/v1/relay`, {
          method: "POST",
          headers: { authorization: `Bearer ${retention.ingest.tenant.key}` },
        });
      }
      return clickhouse.command(options);
    },
  });
  const onStep = async (step: string): Promise<void> => {
    if (step.startsWith("copy ")) await arrive(0);
  };

  await restoreMonth(
    { ...retention.context.tools, clickhouse: watched, onStep },
    { month: monthOf(200), days: 7 },
  );
  await retention.settle();

  const ids = (await stored()).map(({ id }) => String(id));
  expect(ids.length).toBe(3);
  expect(await copied()).toEqual(ids);
});

it("keeps the copy of what came into a month again before its archive was settled", async () => {
  await retention.add(retention.tenant, [daysAgo(200)]);
  const { tools } = retention.context;
  const away = Object.assign(Object.create(tools.clickhouse) as typeof tools.clickhouse, {
    query: refuse,
    command: refuse,
    exec: refuse,
  });
  await run({ ...tools, clickhouse: away });
  await setPolicy(retention, null, "executions", 400, "archive");
  const late = daysAgo(200);
  await retention.add(retention.tenant, [late]);

  expect((await run()).is_done).toBe(true);

  expect(await stored()).toEqual([{ id: late.id }]);
  expect(await copied()).toEqual([late.id]);
});

it("gives a month back after a rule came that executions must keep", async () => {
  await retention.add(retention.tenant, [daysAgo(200)]);
  await run();
  await ask("alter table command_executions add constraint has_tokens check (total_tokens >= 0)");
  await restoreMonth(retention.context.tools, { month: monthOf(200), days: 7 });
  expect((await listExecutions(retention.databases)).length).toBe(1);
});

it("knows a repeat of an execution that is still there, however late it comes", async () => {
  const row = daysAgo(70);
  await retention.add(retention.tenant, [row]);
  await ask("update ingest_keys set seen_at = now() - interval '70 days'");
  await run();
  const repeated = await retention.ingest.post({
    id: row.id,
    timestamp: new Date(row.timestamp).toISOString(),
    command: "claude",
  });
  expect(repeated.body).toMatchObject({ accepted: 0, duplicates: 1, rejected: [] });
});

it("archives the end of an execution that was archived pending", async () => {
  const { other } = retention;
  await setPolicy(retention, other.organizationId, "executions", 10, "archive");
  const begun = daysAgo(20, { status: "pending" });
  await retention.add(other, [begun]);
  await run();
  // Its key is removed after its days; only then can the end be taken for a new execution.
  await ask("delete from ingest_keys");
  await retention.add(other, [{ ...begun, status: "failed" }]);
  expect((await run()).is_done).toBe(true);
  expect(
    (await listArchived(retention.databases)).map((text) => /"status": "(\w+)"/.exec(text)?.[1]),
  ).toEqual(["failed"]);
});

it("erases nothing and says why while the manifest of an archive cannot be read", async () => {
  await retention.add(retention.tenant, [daysAgo(200), daysAgo(3)]);
  const tools = { ...retention.context.tools, store: createFolderStore(folder) };
  expect((await run(tools)).is_done).toBe(true);
  const elsewhere = { ...tools, store: createFolderStore(join(folder, "elsewhere")) };
  const { organizationId } = retention.tenant;
  const options = { organizationId, keysKnownMs: 0, relayMs: 0 };
  await expect(eraseOrganization(elsewhere, options)).rejects.toThrow(/cannot be read at .*NETRA_ARCHIVE/);
  expect((await stored()).length).toBe(1);
  expect(await eraseOrganization(tools, options)).toMatchObject({ is_done: true });
});

it("holds its connection and its lock until its last step", async () => {
  await retention.add(retention.tenant, [daysAgo(200)]);
  const others: (boolean | number)[] = [];
  const onStep = async (): Promise<void> => {
    others.push((await run()).is_under_way, retention.context.tools.pool.idleCount);
  };
  expect((await run({ ...retention.context.tools, onStep })).is_done).toBe(true);
  expect(others.length).toBeGreaterThan(8);
  // One connection works; the other is there for who looks.
  expect(others.every((one) => one === true || one === 1)).toBe(true);
});
