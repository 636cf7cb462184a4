import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { parseCommand } from "../../../shared/agent/parse-command.ts";
import { patternSignature, shapeOf } from "../../../shared/agent/pattern-signature.ts";
import { withOrganization, withSystemRole } from "../../../shared/postgres/pool.ts";
import { listWritten, NOW, type Patterns, postRun, startPatterns } from "../../helpers/patterns.ts";
import { asOwner, createTenant } from "../../helpers/tenant.ts";
import { addRows, completeRows, countBothWays, row, tokens, UNKNOWN } from "./ledger.ts";

const EMPTY = `truncate command_executions, ingest_keys, analytics_outbox, command_patterns, pattern_daily_rollups,
  pattern_state, pattern_dirty_days, daily_command_stats`;

let patterns: Patterns;
let admin: string;
let organizationId: string;
beforeAll(async () => {
  patterns = await startPatterns();
  admin = patterns.databases.adminDatabaseUrl;
  organizationId = patterns.tenant.organizationId;
});
afterAll(() => patterns.close());
beforeEach(() => asOwner(admin, (sql) => sql.query(EMPTY)));

const add = (...rows: Parameters<typeof addRows>[2]): Promise<void> =>
  addRows(patterns.context.pool, organizationId, rows);

interface Pattern {
  organization_id: string;
  pattern_signature: string;
  statistics_30d: Record<string, Record<string, unknown>>;
  sample_size: number;
}
async function listPatterns(): Promise<Pattern[]> {
  return (await listWritten(admin))["patterns"] as unknown as Pattern[];
}

describe("a run", () => {
  it("counts and sums to what one GROUP BY over the ledger gives, and quantiles within 1 % of percentile_cont", async () => {
    const rows = Array.from({ length: 400 }, (_, index) =>
      row(`/command-${index % 7}`, Date.parse(NOW) - (index % 40) * 77_777_777, {
        ...tokens(index ** 2 % 991, index * 13, (index % 5) * 1_000, index % 3),
        status: index % 11 === 0 ? "failed" : index % 17 === 0 ? "timeout" : "completed",
        cost_usd: BigInt(index % 29) ** 7n * 1_003n,
        cache_savings_usd: BigInt(index),
        execution_time_ms: (index % 31) ** 3,
        ...(index % 13 === 0 ? UNKNOWN : {}),
      }),
    );
    await add(...rows);

    const outcome = await patterns.run();

    expect(outcome).toMatchObject({ scanned: 400, is_done: true, is_under_way: false });
    const { ledger, rolledUp } = await countBothWays(admin);
    expect(ledger.length).toBeGreaterThan(200);
    expect(rolledUp).toEqual(ledger);
    const exact = await asOwner(admin, (sql) =>
      sql.query<Record<string, string> & { q: number[][] }>(
        `select command_base as base, count(*)::int as executions, sum(total_tokens)::text as total,
           sum(cost_usd)::text as cost, count(cost_usd)::int as priced,
           json_build_array(
             percentile_cont(array[.1,.5,.9,.95]) within group (order by total_tokens),
             percentile_cont(array[.1,.5,.9,.95]) within group (order by cost_usd),
             percentile_cont(array[.1,.5,.9,.95]) within group (order by execution_time_ms),
             percentile_cont(array[.1,.5,.9,.95]) within group (order by cache_hit_rate)) as q
         from command_executions where timestamp >= '2026-10-22T00:00:00Z' group by 1 order by 1`,
      ),
    );
    const told = await listPatterns();
    expect(told.map(({ pattern_signature }) => pattern_signature)).toEqual(
      exact.rows.map(({ base }) => `v1 ${base}`),
    );
    for (const [index, { executions, total, cost, priced, q }] of exact.rows.entries()) {
      const { sample_size, statistics_30d } = told[index] as Pattern;
      expect(sample_size).toBe(executions);
      expect(statistics_30d["tokens"]).toMatchObject({ total: Number(total) });
      expect(statistics_30d["cost_usd"]).toMatchObject({ total: cost, known: priced });
      for (const [measure, name] of ["tokens", "cost_usd", "execution_time_ms", "cache_hit_rate"].entries()) {
        for (const [share, key] of ["p10", "p50", "p90", "p95"].entries()) {
          const right = q[measure]?.[share] ?? NaN;
          const error = Math.abs(Number(statistics_30d[name]?.[key]) - right);
          expect(error, `${name} ${key}`).toBeLessThanOrEqual(0.01 * right + 1e-12);
        }
      }
    }
  });

  it("changes nothing when nothing happened, incremental or full", async () => {
    await add(row("/a", NOW), row("/b", "2026-09-01T00:00:00Z"));
    await patterns.run();
    const before = await listWritten(admin);
    const updatedAt = await asOwner(admin, (sql) => sql.query("select last_updated from command_patterns"));

    const outcomes = [await patterns.run(), await patterns.run("full"), await patterns.run()];

    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ rollups_written: 0, patterns_written: 0 });
    expect(await listWritten(admin)).toEqual(before);
    expect(
      (await asOwner(admin, (sql) => sql.query("select last_updated from command_patterns"))).rows,
    ).toEqual(updatedAt.rows);
  });

  it("reads only what is new, and counts an execution when it ends", async () => {
    await add(row("/a", NOW), row("/a", NOW));
    const pending = row("/a", NOW, { status: "pending", ...UNKNOWN, cost_basis: null });
    await add(pending);
    expect(await patterns.run()).toMatchObject({ scanned: 2 });

    await completeRows(patterns.context.pool, organizationId, [{ ...row("/a", NOW), id: pending.id }]);
    await add(row("/b", NOW), row("/late", "2026-11-01T00:00:00Z"));

    expect(await patterns.run()).toMatchObject({ scanned: 3, rollups_written: 3, recounted_days: 0 });
    expect(await patterns.run()).toMatchObject({ scanned: 0 });
    const { ledger, rolledUp } = await countBothWays(admin);
    expect(rolledUp).toEqual(ledger);
  });

  it("counts what a transaction wrote before the last run and committed after it, once", async () => {
    const { pool } = patterns.context;
    await add(row("/a", NOW));
    const writer = await pool.connect();
    await writer.query("begin");
    await writer.query("select set_config('app.organization_id', $1, true)", [organizationId]);
    const insert = `insert into command_executions (organization_id, id, timestamp, source, command_raw, command_base, command_args,
      command_features, status, cost_basis) values ($1, gen_random_uuid(), $2, 'client', 'x', '/slow', '{}', '{}', 'completed', 'unpriced')`;
    await writer.query(insert, [organizationId, NOW]);
    await add(row("/a", NOW));
    expect(await patterns.run()).toMatchObject({ scanned: 2 });
    await writer.query(insert, [organizationId, NOW]);
    expect(await patterns.run()).toMatchObject({ scanned: 0 });
    await writer.query("commit");
    writer.release();

    expect(await patterns.run()).toMatchObject({ scanned: 2 });
    expect(await patterns.run()).toMatchObject({ scanned: 0 });
    const { ledger, rolledUp } = await countBothWays(admin);
    expect(rolledUp).toEqual(ledger);
  });

  it("counts days anew of which executions were deleted or changed after they ended", async () => {
    const [gone, changed, stays] = [row("/a", NOW), row("/b", NOW), row("/c", "2026-11-01T00:00:00Z")];
    await add(gone, changed, stays);
    await patterns.run();
    await asOwner(admin, async (sql) => {
      await sql.query("delete from command_executions where id = $1", [gone.id]);
      await sql.query(
        "update command_executions set cost_usd = 5, updated_at = now(), timestamp = timestamp - interval '3 days' where id = $1",
        [changed.id],
      );
    });

    expect(await patterns.run()).toMatchObject({ recounted_days: 2, patterns_removed: 1 });

    const { ledger, rolledUp } = await countBothWays(admin);
    expect(rolledUp).toEqual(ledger);
    expect((await listPatterns()).map(({ pattern_signature }) => pattern_signature)).toEqual([
      "v1 /b",
      "v1 /c",
    ]);
  });

  it("forgets a month that was detached and marked", async () => {
    await add(
      row("/a", "2026-11-02T00:00:00Z"),
      row("/a", "2026-10-30T00:00:00Z"),
      row("/b", "2026-10-30T00:00:00Z"),
    );
    await patterns.run();
    await asOwner(admin, (sql) =>
      sql.query("alter table command_executions detach partition command_executions_2026_10"),
    );
    onTestFinished(async () => {
      await asOwner(admin, (sql) => sql.query("drop table command_executions_2026_10"));
    });
    await withSystemRole(patterns.context.pool, (sql) =>
      sql.query("select mark_pattern_days_dirty(null, '2026-10-01', '2026-10-31')"),
    );

    expect(await patterns.run()).toMatchObject({ patterns_removed: 1 });

    const { ledger, rolledUp } = await countBothWays(admin);
    expect(rolledUp).toEqual(ledger);
    expect(await listPatterns()).toMatchObject([{ pattern_signature: "v1 /a", sample_size: 1 }]);
  });

  it("takes days out of the window as time goes, and the pattern with its last", async () => {
    await add(row("/old", "2026-10-22T23:59:59Z"), row("/both", "2026-10-22T00:00:00Z"), row("/both", NOW));
    await patterns.run("incremental", NOW);
    expect(await listPatterns()).toMatchObject([
      { pattern_signature: "v1 /both", sample_size: 2 },
      { pattern_signature: "v1 /old", sample_size: 1 },
    ]);

    const moved = await patterns.run("incremental", "2026-11-21T00:00:00Z");

    expect(moved).toMatchObject({ scanned: 0, patterns_written: 1, patterns_removed: 1 });
    const after = await listWritten(admin);
    expect(await listPatterns()).toMatchObject([{ pattern_signature: "v1 /both", sample_size: 1 }]);
    await patterns.run("full", "2026-11-21T00:00:00Z");
    expect(await listWritten(admin)).toEqual(after);
    await patterns.run("incremental", NOW);
    expect(await listPatterns()).toMatchObject([{ sample_size: 2 }, { sample_size: 1 }]);
  });

  it("tells days apart by UTC, whatever the time zone of the session", async () => {
    await asOwner(admin, (sql) =>
      sql.query(
        `do $$ begin execute format('alter database %I set timezone = ''Pacific/Auckland''', current_database()); end $$`,
      ),
    );
    const there = await startPatterns({ databases: patterns.databases });
    onTestFinished(() => there.close());
    await add(row("/a", "2026-11-09T23:59:59.999Z"), row("/a", "2026-11-10T00:00:00Z"));

    await there.run();

    const { rollups } = await listWritten(admin);
    expect(rollups).toMatchObject([
      { utc_day: "2026-11-09", execution_count: "1" },
      { utc_day: "2026-11-10", execution_count: "1" },
    ]);
  });

  it("tells null, not zero, of what nobody told", async () => {
    await add(row("/a", NOW, UNKNOWN), row("/a", NOW, { ...UNKNOWN, status: "failed" }));

    await patterns.run();

    const { patterns: told, daily } = await listWritten(admin);
    const nothing = { mean: null, p10: null, p50: null, p90: null, known: 0 };
    expect(told).toMatchObject([
      {
        sample_size: 2,
        statistics_30d: {
          failure_rate: 0.5,
          tokens: { ...nothing, total: null },
          tokens_by_kind: null,
          cost_usd: { ...nothing, total: null, unpriced: 2 },
          execution_time_ms: nothing,
          cache_hit_rate: { known: 0, overall: null, p50: null },
        },
        token_drivers: {},
        optimization_insights: { lost_cost_usd: null, lost_tokens: null },
        failure_patterns: { failed: 1, by_class: { unknown: 1 } },
      },
    ]);
    expect(daily).toMatchObject([
      { execution_count: "2", unpriced_count: "2", total_cost: null, total_tokens: null, avg_tokens: null },
    ]);
  });

  it("classes failures by what they say", async () => {
    const said = [
      ["API Error: 529 overloaded_error after 10 attempts", "rate_limit"],
      ["Reached the limit of 40 turns", "turn_limit"],
      ["Permission denied for Bash(git push)", "permission"],
      ["The command exited with code 1: 3 tests still fail", "tests"],
      ["prompt is too long: 210000 tokens", "context_limit"],
      ["read ECONNRESET", "network"],
      ["it just did not work", "other"],
    ] as const;
    await add(...said.map(([error_message]) => row("/a", NOW, { status: "failed", error_message })));
    await add(row("/a", NOW, { status: "timeout" }));

    await patterns.run();

    const { patterns: told } = await listWritten(admin);
    const classes = Object.fromEntries(said.map(([, name]) => [name, 1]));
    expect(told?.[0]?.["failure_patterns"]).toMatchObject({
      timeout: 1,
      by_class: { ...classes, timeout: 1 },
    });
  });

  it("keeps the daily summary as refreshing it from the ledger would make it", async () => {
    await add(
      row("/a", NOW),
      row("/a", NOW, UNKNOWN),
      row("/b", "2026-09-01T00:00:00Z", { status: "failed" }),
    );
    await patterns.run();
    const { daily } = await listWritten(admin);

    await withSystemRole(patterns.context.pool, (sql) => sql.query("select refresh_daily_command_stats()"));

    expect(daily).toHaveLength(2);
    expect(asNumbers((await listWritten(admin))["daily"])).toEqual(asNumbers(daily));
  });

  it("keeps tenants apart", async () => {
    const other = await createTenant(admin);
    await add(row("/a", NOW));
    await addRows(patterns.context.pool, other.organizationId, [row("/a", NOW), row("/secret", NOW)]);
    await patterns.run();

    for (const [id, expected] of [
      [organizationId, 1],
      [other.organizationId, 2],
    ] as const) {
      for (const table of ["pattern_daily_rollups", "command_patterns", "organization_daily_command_stats"]) {
        const { rows } = await withOrganization(patterns.context.pool, id, (sql) =>
          sql.query<{ organization_id: string }>(`select organization_id from ${table}`),
        );
        expect(rows).toEqual(Array.from({ length: expected }, () => ({ organization_id: id })));
      }
    }
    for (const table of ["pattern_state", "pattern_dirty_days", "daily_command_stats"]) {
      await expect(patterns.context.pool.query(`select * from ${table}`)).rejects.toMatchObject({
        code: "42501",
      });
    }
  });

  it("gives the signature that the command itself has", async () => {
    const commands = [
      "/review src/a.ts --deep --model=opus",
      'claude -p "/fix #12 and ACME-9" --model opus',
      "claude -p 'explain the cache' --max-turns 3",
      "!git commit -m 'two words'",
      "npm run test -- --coverage",
      "Implement the plan in src/api/auth.ts and docs/x.md, then fix the tests",
      "why is the webhook slow?",
      "/plan ünïcode 漢字 \u{1f600}",
      "<task-notification>done</task-notification>",
      "修复登录",
    ];
    await add(
      ...commands.map((command) => {
        const { base, args, features } = parseCommand(command);
        return row(base, NOW, { command_args: args, command_features: features });
      }),
    );

    await patterns.run();

    const signatures = commands.map((command) => patternSignature(shapeOf(parseCommand(command))));
    expect((await listPatterns()).map(({ pattern_signature }) => pattern_signature).toSorted()).toEqual(
      [...new Set(signatures)].toSorted(),
    );
  });

  it("leaves out what belongs to no organization any more", async () => {
    await addRows(patterns.context.pool, "00000000-0000-4000-8000-000000000000", [row("/a", NOW)]);
    expect(await patterns.run()).toMatchObject({ scanned: 0, rollups_written: 0 });
  });
});

describe("POST /run", () => {
  it("refuses what it does not know", async () => {
    for (const body of [{ mode: "sometimes" }, { now: "yesterday" }, { days: 3 }, []]) {
      expect((await postRun(patterns.url, body)).status).toBe(400);
    }
    expect((await fetch(`${patterns.url}/run`, { method: "POST", body: "{" })).status).toBe(400);
    expect((await fetch(`${patterns.url}/run`)).status).toBe(405);
  });

  it("takes its mode from the query where there is no body", async () => {
    const response = await fetch(`${patterns.url}/run?mode=full`, { method: "POST" });
    expect(await response.json()).toMatchObject({ mode: "full", is_done: true });
  });

  it("refuses callers without a token where it is to check them, and does not start without being told", async () => {
    const env = {
      NETRA_CALLER_AUTH: "oidc",
      NETRA_CALLER_AUDIENCE: "https://patterns.example.test",
      NETRA_CALLER_EMAILS: "scheduler@example.test",
    };
    const guarded = await startPatterns({ databases: patterns.databases, env });
    onTestFinished(() => guarded.close());
    expect((await postRun(guarded.url, {})).status).toBe(401);
    await expect(
      startPatterns({ databases: patterns.databases, env: { NETRA_CALLER_AUTH: "" } }),
    ).rejects.toThrow(/NETRA_CALLER_AUTH/);
  });
});

/** Averages of the two ways have other numbers of decimals. */
function asNumbers(rows: unknown): unknown {
  return JSON.parse(JSON.stringify(rows), (_, value: unknown) =>
    typeof value === "string" && /^\d+\.\d+$/.test(value) ? Number(value) : value,
  );
}
