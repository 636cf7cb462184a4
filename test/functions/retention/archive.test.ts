import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFolderStore } from "../../../shared/retention/archive-store.ts";
import { restoreMonth } from "../../../shared/retention/restore-month.ts";
import type { RetentionTools } from "../../../shared/retention/connection.ts";
import { runRetention } from "../../../shared/retention/run-retention.ts";
import { listWritten } from "../../helpers/patterns.ts";
import {
  daysAgo,
  listArchived,
  listExecutions,
  type Retention,
  setPolicy,
  startRetention,
} from "../../helpers/retention.ts";
import { listAnalytics } from "../../helpers/stored.ts";
import { asOwner } from "../../helpers/tenant.ts";

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

const monthOf = (days: number): string => `${new Date(daysAgo(days).timestamp).toISOString().slice(0, 7)}-01`;
const exporting = (): RetentionTools => ({ ...retention.context.tools, store: createFolderStore(folder) });
const run = (tools: RetentionTools): ReturnType<typeof runRetention> =>
  runRetention({ tools, dryRun: false, now: null, runMs: 60_000 });
const ask = async (text: string): Promise<Record<string, unknown>[]> =>
  asOwner(
    retention.databases.adminDatabaseUrl,
    async (sql) => (await sql.query<Record<string, unknown>>(text)).rows,
  );

/** Executions with everything that is hard to carry: large numbers, small money, text of all kinds, nulls. */
const awkward = (days: number) => [
  daysAgo(days, {
    timestamp: daysAgo(days).timestamp + 1,
    command_raw: 'say "ü\u2028"\n\t\\ 😀',
    cost_usd: 1n,
    cached_tokens: 9_007_199_254_740_000,
    total_tokens: 9_007_199_254_740_030,
    cache_hit_rate: 100 / 3,
    command_args: { positionals: ["\u0001", 1e300, null, 0.1] },
    output_characteristics: { deep: [{ a: [] }] },
  }),
  daysAgo(days, { cost_usd: null, cost_basis: "unpriced", error_message: null, model_version: null }),
  daysAgo(days, { status: "pending", user_id: null }),
];

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe("restoring a month", () => {
  it.each(["from the archive's table", "from Parquet"])("gives back identical rows %s", async (place) => {
    const tools = place === "from Parquet" ? exporting() : retention.context.tools;
    await setPolicy(retention, retention.other.organizationId, "executions", 40, "archive");
    await retention.add(retention.tenant, [...awkward(200), daysAgo(3)]);
    await retention.add(retention.other, awkward(200));
    const before = await listExecutions(retention.databases);
    const analytics = await listAnalytics(retention.databases.clickhouseUrl);
    const rolledUp = await listWritten(retention.databases.adminDatabaseUrl);
    expect((await run(tools)).is_done).toBe(true);
    expect((await listExecutions(retention.databases)).length).toBe(1);
    expect((await listArchived(retention.databases)).length).toBe(place === "from Parquet" ? 0 : 6);

    const restored = await restoreMonth(tools, { month: monthOf(200), days: 7 });

    expect(restored).toMatchObject({ rows: 6, analytics_rows: 4 });
    expect(await listExecutions(retention.databases)).toEqual(before);
    expect(await listAnalytics(retention.databases.clickhouseUrl)).toEqual(analytics);
    // It stays, uncounted a second time, until it is no longer held.
    expect((await run(tools)).is_done).toBe(true);
    await retention.patterns.run("incremental", new Date().toISOString());
    await retention.patterns.run("full", new Date().toISOString());
    expect(await listExecutions(retention.databases)).toEqual(before);
    expect(await listWritten(retention.databases.adminDatabaseUrl)).toEqual(rolledUp);
    await ask("update retention_archives set held_until = now()");
    expect((await run(tools)).is_done).toBe(true);
    expect((await listExecutions(retention.databases)).length).toBe(1);
    await restoreMonth(tools, { month: monthOf(200), days: 7 });
    expect(await listExecutions(retention.databases)).toEqual(before);
  });

  it("fills columns that came since the month was archived", async () => {
    await retention.add(retention.tenant, [daysAgo(200)]);
    await run(retention.context.tools);
    await ask("alter table command_executions add column colour text not null default 'blue'");
    await restoreMonth(retention.context.tools, { month: monthOf(200), days: 1 });
    expect(await ask("select colour from command_executions")).toEqual([{ colour: "blue" }]);
  });

  it("refuses files that are not what was archived, and puts nothing back", async () => {
    await retention.add(retention.tenant, [daysAgo(200), daysAgo(200)]);
    const tools = exporting();
    expect((await run(tools)).is_done).toBe(true);
    const part = (await filesIn(folder)).find((path) => path.endsWith(".parquet")) ?? "";
    const bytes = await readFile(part);
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
    await writeFile(part, bytes);

    await expect(restoreMonth(tools, { month: monthOf(200), days: 1 })).rejects.toThrow(
      /not what was written/,
    );

    expect(await listExecutions(retention.databases)).toEqual([]);
    expect(await listArchived(retention.databases)).toEqual([]);
  });

  it("says when there is no such archive", async () => {
    await expect(restoreMonth(retention.context.tools, { month: "2021-01-01", days: 1 })).rejects.toThrow(
      /no archive of 2021-01/,
    );
  });
});

describe("exporting a month", () => {
  it("writes a manifest with counts, digests and times, and a folder for each organization", async () => {
    await retention.add(retention.tenant, [daysAgo(200), daysAgo(200)]);
    await retention.add(retention.other, [daysAgo(200)]);
    const outcome = await run(exporting());

    expect(outcome.archives).toMatchObject([{ month: monthOf(200), state: "exported", rows: 3 }]);
    const files = await filesIn(folder);
    expect(files.filter((path) => path.endsWith(".parquet")).length).toBe(2);
    const path = files.find((file) => file.endsWith("manifest.json")) ?? "";
    const manifest = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    expect(manifest).toMatchObject({
      format: "netra-archive/1",
      rows: 3,
      min_time: expect.stringMatching(/^\d{4}-\d{2}-\d{2} 12:00:00\+00$/),
      schema_version: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(manifest["parts"]).toHaveLength(2);
  });

  it.each(["parquet", "manifest"])(
    "drops nothing when a byte of the %s is flipped on its way",
    async (kind) => {
      await retention.add(retention.tenant, [daysAgo(200)]);
      const good = createFolderStore(folder);
      const store = {
        ...good,
        put: (name: string, bytes: Buffer) => {
          const other = Buffer.from(bytes);
          if (name.includes(kind)) other[40] = (other[40] ?? 0) ^ 1;
          return good.put(name, other);
        },
      };

      const outcome = await run({ ...retention.context.tools, store });

      expect(outcome.is_done).toBe(false);
      expect(outcome.deferred).toMatchObject([{ reason: "archive_damaged", month: monthOf(200) }]);
      expect((await listArchived(retention.databases)).length).toBe(1);
      expect((await run({ ...retention.context.tools, store: good })).archives).toMatchObject([
        { state: "exported" },
      ]);
    },
  );

  it("keeps the archive's tables while the place for files is away, and removes the rest all the same", async () => {
    await retention.add(retention.tenant, [daysAgo(200)]);
    await ask("update ingest_keys set seen_at = now() - interval '100 days'");
    const store = { ...createFolderStore(folder), put: () => Promise.reject(new Error("no route to host")) };

    const outcome = await run({ ...retention.context.tools, store });

    expect(outcome.deferred).toMatchObject([{ reason: "archive_away", month: monthOf(200) }]);
    expect((await listArchived(retention.databases)).length).toBe(1);
    expect(await ask("select from ingest_keys")).toEqual([]);
    expect((await run(exporting())).archives).toMatchObject([{ state: "exported" }]);
  });

  it("archives rows of before and after a column came, and gives all of them back", async () => {
    await setPolicy(retention, retention.other.organizationId, "executions", 40, "archive");
    await retention.add(retention.other, [daysAgo(70)]);
    await run(retention.context.tools);
    await ask("alter table command_executions add column colour text not null default 'blue'");
    await retention.add(retention.other, [daysAgo(70)]);
    expect((await run(retention.context.tools)).is_done).toBe(true);
    expect((await listArchived(retention.databases)).length).toBe(2);
    await restoreMonth(retention.context.tools, { month: monthOf(70), days: 1 });
    expect(await ask("select colour from command_executions")).toEqual([
      { colour: "blue" },
      { colour: "blue" },
    ]);
  });
});
