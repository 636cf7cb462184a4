import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ExecutionRow } from "../../../shared/postgres/command-executions.ts";
import { listWritten, type Patterns, startPatterns } from "../../helpers/patterns.ts";
import { asOwner } from "../../helpers/tenant.ts";
import { addRows, completeRows, countBothWays, row, tokens, UNKNOWN } from "./ledger.ts";

/** What this file guards: whatever happens to the ledger in whatever order, runs in between change no result. */
let patterns: Patterns;
beforeAll(async () => {
  patterns = await startPatterns();
});
afterAll(() => patterns.close());

const START = Date.parse("2026-11-20T12:00:00Z");
const HOUR = 3_600_000;

const made = fc.record({
  base: fc.constantFrom("/a", "/b", "/c"),
  hoursAgo: fc.nat(45 * 24),
  status: fc.constantFrom("completed", "completed", "failed", "timeout", "pending"),
  figures: fc.option(fc.tuple(fc.nat(1_000), fc.nat(10_000), fc.nat(100_000), fc.nat(50))),
  cost: fc.bigInt({ min: 0n, max: 10n ** 14n }),
  error: fc.option(fc.constantFrom("429", "denied", "what")),
});
type Made = typeof made extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      rows: fc.array(made, { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("complete" as const), row: made }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), nth: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("correct" as const), nth: fc.nat(30) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("run" as const), hours: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("full" as const) }) },
);

function rowOf({ base, hoursAgo, status, figures, cost, error }: Made): ExecutionRow {
  const told = figures === null ? UNKNOWN : { ...tokens(...figures), cost_usd: cost };
  return row(base, START - hoursAgo * HOUR, {
    ...told,
    status,
    ...(status === "pending" ? { cost_usd: null, cost_basis: null } : {}),
    error_message: status === "failed" ? error : null,
  });
}

const isoAt = (at: number): string => new Date(at).toISOString();

it("incremental runs in between give what counting everything at the end gives", async () => {
  const { pool } = patterns.context;
  const { adminDatabaseUrl } = patterns.databases;
  const { organizationId } = patterns.tenant;
  const owner = (text: string, values: unknown[] = []): Promise<unknown> =>
    asOwner(adminDatabaseUrl, (sql) => sql.query(text, values));

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      await owner(
        "truncate command_executions, ingest_keys, command_patterns, pattern_daily_rollups, pattern_state, pattern_dirty_days, daily_command_stats",
      );
      const rows: ExecutionRow[] = [];
      let now = START;
      for (const one of steps) {
        const nth = "nth" in one ? rows[one.nth % Math.max(1, rows.length)] : undefined;
        if (one.kind === "add") {
          const added = one.rows.map(rowOf);
          rows.push(...added);
          await addRows(pool, organizationId, added);
        } else if (one.kind === "complete") {
          const pending = rows.find(({ status }) => status === "pending");
          if (pending === undefined) continue;
          const ended = rowOf({
            ...one.row,
            status: one.row.status === "pending" ? "failed" : one.row.status,
          });
          pending.status = "ended";
          await completeRows(pool, organizationId, [
            { ...ended, id: pending.id, timestamp: pending.timestamp },
          ]);
        } else if (one.kind === "delete" && nth !== undefined) {
          await owner("delete from command_executions where id = $1", [nth.id]);
        } else if (one.kind === "correct" && nth !== undefined) {
          await owner(
            "update command_executions set execution_time_ms = 77, command_base = '/d', updated_at = now() where id = $1",
            [nth.id],
          );
        } else if (one.kind === "run") {
          now += one.hours * HOUR;
          await patterns.run("incremental", isoAt(now));
        } else if (one.kind === "full") await patterns.run("full", isoAt(now));
      }

      await patterns.run("incremental", isoAt(now));
      const incremental = await listWritten(adminDatabaseUrl);
      const { ledger, rolledUp } = await countBothWays(adminDatabaseUrl);
      expect(rolledUp).toEqual(ledger);
      expect(await patterns.run("full", isoAt(now))).toMatchObject({
        rollups_written: 0,
        patterns_written: 0,
      });
      await owner("truncate command_patterns, pattern_daily_rollups, pattern_state, daily_command_stats");
      await patterns.run("full", isoAt(now));
      expect(incremental).toEqual(await listWritten(adminDatabaseUrl));
    }),
    { numRuns: 20 },
  );
}, 180_000);
