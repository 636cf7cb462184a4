import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { daysAgo, listExecutions, type Retention, startRetention } from "../helpers/retention.ts";
import { asOwner } from "../helpers/tenant.ts";
import { type CommandLine, createCommandLine } from "./command-line.ts";

/** What this file guards: `netra retention`, against real databases. */
let retention: Retention;
let netra: CommandLine;
let archive: string;
let slug: string;
beforeAll(async () => {
  retention = await startRetention();
  archive = mkdtempSync(join(tmpdir(), "netra-archive-"));
  netra = createCommandLine({
    env: {
      NETRA_ADMIN_DATABASE_URL: retention.databases.adminDatabaseUrl,
      CLICKHOUSE_URL: retention.databases.clickhouseUrl,
      NETRA_ARCHIVE: archive,
    },
  });
  slug = await asOwner(retention.databases.adminDatabaseUrl, async (sql) => {
    const { rows } = await sql.query<{ slug: string }>("select slug from organizations where id = $1", [
      retention.tenant.organizationId,
    ]);
    return rows[0]?.slug ?? "";
  });
});
afterAll(async () => {
  netra.remove();
  rmSync(archive, { recursive: true, force: true });
  await retention.close();
});

describe("policies", () => {
  it("are listed, set and unset, and each change stands in the audit log", async () => {
    await netra.json(["retention", "policies", "set", "executions", "30", "--organization", slug]);
    const { policies } = await netra.json<{ policies: unknown[] }>([
      "retention",
      "policies",
      "set",
      "executions",
      "120",
      "--action",
      "archive",
    ]);
    expect(policies).toContainEqual({
      organization: null,
      target: "executions",
      keep_days: 120,
      action: "archive",
    });
    expect(policies).toContainEqual({
      organization: slug,
      target: "executions",
      keep_days: 30,
      action: "archive",
    });
    await netra.json(["retention", "policies", "unset", "executions", "--organization", slug]);
    await netra.json(["retention", "policies", "set", "executions", "90"]);
    const logged = await asOwner(retention.databases.adminDatabaseUrl, async (sql) =>
      (await sql.query<{ action: string }>("select action from audit_logs order by id")).rows.map(
        ({ action }) => action,
      ),
    );
    expect(logged).toEqual([
      "retention.policy_set",
      "retention.policy_set",
      "retention.policy_unset",
      "retention.policy_set",
    ]);
  });

  it.each([
    [["set", "nothing", "3"], /is no target/],
    [["set", "executions", "0"], /from 1 to/],
    [["set", "ingest_keys", "3"], /from 7 to/],
    [["set", "ingest_keys", "30", "--organization", "x"], /alike for all/],
    [["set", "audit_logs", "30", "--action", "archive"], /only executions/],
    [["unset", "executions"], /default can be set/],
    [["show"], /say policies/],
  ])("refuse %j", async (args, message) => {
    const { code, err } = await netra.run(["retention", "policies", ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe("run, status, restore and erase", () => {
  it("do what they say, one after the other", async () => {
    await retention.add(retention.tenant, [daysAgo(200), daysAgo(3)]);
    const before = await listExecutions(retention.databases);
    const planned = await netra.run(["retention", "run", "--dry-run"]);
    expect(planned.out).toMatch(/would be removed/);
    expect(await listExecutions(retention.databases)).toEqual(before);

    const ran = await netra.run(["retention", "run"]);
    expect(ran).toMatchObject({
      code: 0,
      out: expect.stringMatching(/1 executions exported[\s\S]*Nothing past its days can be read/),
    });
    const status = await netra.json<{ runs: unknown[]; archives: unknown[] }>(["retention", "status"]);
    expect(status).toMatchObject({
      runs: [{ kind: "run", state: "done" }],
      archives: [{ state: "exported" }],
    });

    const month = new Date(daysAgo(200).timestamp).toISOString().slice(0, 7);
    const unplaced = await netra.run(["retention", "restore", month], { env: { NETRA_ARCHIVE: "table" } });
    expect(unplaced).toMatchObject({ code: 1, err: expect.stringMatching(/NETRA_ARCHIVE/) });
    const restored = await netra.run(["retention", "restore", month, "--days", "3"]);
    expect(restored).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^1 executions of .* are back until/),
    });
    expect(await listExecutions(retention.databases)).toEqual(before);

    const unasked = await netra.run(["retention", "erase", "--organization", slug]);
    expect(unasked).toMatchObject({ code: 2, err: expect.stringMatching(/--yes/) });
    const wrong = await netra.run(["retention", "erase", "--organization", slug], {
      terminal: true,
      stdin: "yes\n",
    });
    expect(wrong).toMatchObject({ code: 1, err: expect.stringMatching(/nothing was erased/) });
    expect(await listExecutions(retention.databases)).toEqual(before);
    const erased = await netra.run(["retention", "erase", "--organization", slug, "--wait-seconds", "0"], {
      terminal: true,
      stdin: `${slug}\n`,
    });
    expect(erased).toMatchObject({ code: 0, out: expect.stringMatching(/Nothing is left of/) });
    expect(await listExecutions(retention.databases)).toEqual([]);
  });

  it.each([
    [["restore"], /one month that has ended/],
    [["restore", "2999-01"], /one month that has ended/],
    [["restore", "2020-01"], /no archive of 2020-01/],
    [["erase"], /--organization/],
    [["erase", "--organization", "nobody", "--yes"], /there is no organization/],
    [["run", "--now", "soon"], /--now/],
    [["run", "now"], /too many arguments/],
    [[], /say policies, run, status, restore or erase/],
  ])("refuse %j", async (args, message) => {
    const { code, err } = await netra.run(["retention", ...args]);
    expect(code).not.toBe(0);
    expect(err).toMatch(message);
  });
});
