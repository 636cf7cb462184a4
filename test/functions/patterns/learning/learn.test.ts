import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ExecutionRow } from "../../../../shared/postgres/command-executions.ts";
import { NOW, type Patterns, postRun, startPatterns } from "../../../helpers/patterns.ts";
import { asOwner, createTenant } from "../../../helpers/tenant.ts";
import { addRows, completeRows, row, tokens, UNKNOWN } from "../ledger.ts";
import { largestDifference, readLearned } from "./learned.ts";

const EMPTY = `truncate command_executions, ingest_keys, analytics_outbox, command_patterns, pattern_daily_rollups,
  pattern_state, pattern_dirty_days, daily_command_stats, prediction_state, prediction_models, prediction_levels`;
const HOUR_MS = 3_600_000;
const MODELS = ["claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5", "a-model-nobody-knows"];

let patterns: Patterns;
let admin: string;
let organizationId: string;
beforeAll(async () => {
  patterns = await startPatterns({ env: { NETRA_PREDICTION_EXECUTIONS: "1000" } });
  admin = patterns.databases.adminDatabaseUrl;
  organizationId = patterns.tenant.organizationId;
});
afterAll(() => patterns.close());
beforeEach(() => asOwner(admin, (sql) => sql.query(EMPTY)));

const add = (...rows: ExecutionRow[]): Promise<void> => addRows(patterns.context.pool, organizationId, rows);
const endOf = ({ timestamp, execution_time_ms }: ExecutionRow): number =>
  timestamp + (execution_time_ms ?? 0);

/** Executions of eighty days that differ in everything that is learned, in the order of their end. */
function makePast(count: number): ExecutionRow[] {
  const start = Date.parse(NOW) - 80 * 24 * HOUR_MS;
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * Math.floor((80 * 24 * HOUR_MS) / count);
    const figures = tokens(
      index % 17,
      10 + (index % 191) * 11,
      5_000 + (index % 7) * 9_000,
      100 + (index % 29) ** 2,
    );
    const partial: Partial<ExecutionRow> = {
      ...figures,
      cost_usd: BigInt(1 + (index % 97)) * 13_000_000_000n,
      execution_time_ms: 1_000 + (index % 53) * 77_000,
      model_version: MODELS[index % MODELS.length] ?? null,
      workspace_context: index % 5 === 0 ? null : { repository: `acme/shop-${index % 4}` },
      status: index % 13 === 0 ? "failed" : index % 31 === 0 ? "timeout" : "completed",
      ...(index % 23 === 0 ? UNKNOWN : {}),
    };
    return row(`/command-${index % 6}`, at, partial);
  }).sort((a, b) => endOf(a) - endOf(b));
}

/** Holds a lock until the result is called. */
async function hold(lock: string): Promise<() => Promise<void>> {
  const holder = new Client({ connectionString: admin });
  await holder.connect();
  await holder.query(`begin; ${lock}`);
  return () => holder.end();
}

async function run(only: string): Promise<unknown> {
  const response = await postRun(patterns.url, { now: NOW, only });
  return response.json();
}

describe("learning", () => {
  it("in pieces gives, to the last digit, what learning the whole past at once gives", async () => {
    const past = makePast(400);
    for (const [from, to] of [
      [0, 1],
      [1, 50],
      [50, 51],
      [51, 300],
      [300, 400],
    ] as const) {
      await add(...past.slice(from, to));
      expect(await patterns.run()).toMatchObject({ learned: to - from, is_done: true });
    }
    const inPieces = await readLearned(admin);
    expect(inPieces.models).toMatchObject([{ organization_id: organizationId, executions: "400" }]);
    expect(inPieces.levels.size).toBeGreaterThan(40);

    expect(await patterns.run("full")).toMatchObject({ learned: 400, replayed: 1 });

    expect(await readLearned(admin)).toEqual(inPieces);
  });

  it("of what arrives late gives the same evidence to a billionth, and does not grade forecasts that were never made", async () => {
    const past = makePast(300);
    const late = past.filter((_, index) => index % 3 === 0);
    await add(...past.filter((_, index) => index % 3 !== 0));
    await patterns.run();
    await add(...late);
    expect(await patterns.run()).toMatchObject({ learned: late.length });
    const arrived = await readLearned(admin);

    await patterns.run("full");

    const inOrder = await readLearned(admin);
    expect(inOrder.levels.size).toBeGreaterThan(40);
    expect([...arrived.levels.keys()]).toEqual([...inOrder.levels.keys()]);
    // The usual price stands in for that of a model nobody knows, and depends on what came before: costs alone may differ.
    for (const [key, level] of arrived.levels) {
      const { cost_usd: _cost, ...others } = level.summaries;
      const { cost_usd: _other, ...expected } = inOrder.levels.get(key)?.summaries ?? {};
      expect(largestDifference(others, expected)).toBeLessThan(1e-9);
      expect(level).toMatchObject({
        executions: inOrder.levels.get(key)?.executions,
        failed: inOrder.levels.get(key)?.failed,
      });
    }
    expect(triedOf(arrived)).toBe(200);
    expect(triedOf(inOrder)).toBe(300);
  });

  it("changes nothing when nothing happened, and learns an execution once, when it ends", async () => {
    const pending = row("/a", NOW, { status: "pending", ...UNKNOWN, cost_basis: null });
    await add(...makePast(20), pending);
    expect(await patterns.run()).toMatchObject({ learned: 20, replayed: 1 });
    const before = await readLearned(admin);

    expect(await patterns.run()).toMatchObject({ learned: 0, replayed: 0, levels_written: 0 });
    expect(await readLearned(admin)).toEqual(before);

    await completeRows(patterns.context.pool, organizationId, [{ ...row("/a", NOW), id: pending.id }]);
    expect(await patterns.run()).toMatchObject({ learned: 1 });
    expect(await patterns.run()).toMatchObject({ learned: 0 });
  });

  it("takes an execution back that was deleted, and learns one that was changed as it is now", async () => {
    const past = makePast(30);
    await add(...past);
    await patterns.run();
    await asOwner(admin, async (sql) => {
      await sql.query("delete from command_executions where id = $1", [past[3]?.id]);
      await sql.query(
        "update command_executions set command_base = '/other', updated_at = now() where id = $1",
        [past[4]?.id],
      );
    });

    expect(await patterns.run()).toMatchObject({ learned: 29, replayed: 1 });

    const changed = await readLearned(admin);
    await patterns.run("full");
    expect(await readLearned(admin)).toEqual(changed);
  });

  it("keeps organizations apart", async () => {
    const other = await createTenant(admin);
    await add(...makePast(40));
    await patterns.run();
    const alone = await readLearned(admin);
    await addRows(patterns.context.pool, other.organizationId, makePast(25));
    await patterns.run();

    const both = await readLearned(admin);

    expect(both.models.map((one) => one.organization_id).sort()).toEqual(
      [organizationId, other.organizationId].sort(),
    );
    expect(new Map([...both.levels].filter(([key]) => key.startsWith(organizationId)))).toEqual(alone.levels);
  });

  it("of more than a past at once learns the latest of it anew", async () => {
    await add(...makePast(10));
    await patterns.run();
    await add(...makePast(1_700));

    // Of the 1,700 a first portion of 1,000 was learned before there turned out to be too many.
    expect(await patterns.run()).toMatchObject({ learned: 2_000, replayed: 1, is_done: true });

    expect((await readLearned(admin)).models).toMatchObject([{ executions: "1000" }]);
  });

  it("of many organizations that is too much for a step is learned anew, each in a step of its own", async () => {
    const others = await Promise.all(Array.from({ length: 5 }, () => createTenant(admin)));
    await add(...makePast(10));
    await patterns.run();
    for (const other of others) await addRows(patterns.context.pool, other.organizationId, makePast(900));
    const outcome = await patterns.run();
    // What was begun in the step is thrown away with it: four pasts of 1,000 are reached within the fifth.
    expect(outcome).toMatchObject({ is_done: true, replayed: 1 });
    const { models } = await readLearned(admin);
    expect(models.map(({ executions }) => Number(executions)).toSorted((a, b) => a - b)).toEqual([
      10, 900, 900, 900, 900, 900,
    ]);
  });

  it("leaves the past alone that is further back than is learned", async () => {
    await add(row("/old", "2025-11-01T00:00:00Z"), row("/new", NOW));

    expect(await patterns.run("full")).toMatchObject({ scanned: 2, learned: 1 });
  });

  it("learns everything anew when what is stored is of another version or another server", async () => {
    await add(...makePast(12));
    await patterns.run();
    const before = await readLearned(admin);
    for (const change of ["version = version + 1", "server = 'other'"]) {
      await asOwner(admin, (sql) => sql.query(`update prediction_state set ${change}`));
      expect(await patterns.run()).toMatchObject({ learned: 12 });
      expect(await readLearned(admin)).toEqual(before);
    }
  });

  it("of the past that a full run had no time for is left to the next run", async () => {
    const hurried = await startPatterns({
      databases: patterns.databases,
      env: { NETRA_PATTERNS_RUN_SECONDS: "1" },
    });
    try {
      await add(...makePast(12));
      await patterns.run();
      const holder = await hold("lock table pattern_state in exclusive mode");
      const full = hurried.run("full");
      await delay(1_500);
      await holder();
      expect(await full).toMatchObject({ is_done: false, replayed: 0 });

      const next = await patterns.run();

      expect(next).toMatchObject({ is_done: true, learned: 12 });
      expect(next.replayed).toBeGreaterThan(0);
    } finally {
      await hurried.close();
    }
  });

  it("can be run alone, and left out", async () => {
    await add(...makePast(12));
    expect(await run("patterns")).toMatchObject({ scanned: 12, learned: 0, is_done: true });
    expect((await readLearned(admin)).models).toEqual([]);
    expect(await run("predictions")).toMatchObject({ scanned: 0, learned: 12, is_done: true });
    expect((await readLearned(admin)).models).toMatchObject([{ executions: "12" }]);
    expect(await run("both")).toMatchObject({ status: 400 });
  });
});

function triedOf({ models }: Awaited<ReturnType<typeof readLearned>>): number {
  const learned = models[0]?.models as { failures: Record<string, { tried: number }> };
  return Object.values(learned.failures).reduce((sum, { tried }) => sum + tried, 0);
}
