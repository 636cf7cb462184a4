import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  daysAgo,
  listArchived,
  listExecutions,
  type Retention,
  setPolicy,
  startRetention,
} from "../../helpers/retention.ts";
import { listWritten } from "../../helpers/patterns.ts";
import { listAnalytics } from "../../helpers/stored.ts";
import { asOwner } from "../../helpers/tenant.ts";

let retention: Retention;
beforeEach(async () => {
  retention = await startRetention();
});
afterEach(() => retention.close());

const ids = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id).toSorted();
const ask = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
  asOwner(
    retention.databases.adminDatabaseUrl,
    async (sql) => (await sql.query<Record<string, unknown>>(text, values)).rows,
  );
const ledgerIds = async (): Promise<string[]> =>
  (await ask("select id from command_executions order by id")).map(({ id }) => String(id));

function month(ahead: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1)).toISOString().slice(0, 10);
}

describe("a run", () => {
  it("archives whole months past their days and keeps the rest, in both databases, as the dry run said", async () => {
    const old = [daysAgo(200), daysAgo(201), daysAgo(160)];
    const kept = [daysAgo(1), daysAgo(60)];
    await retention.add(retention.tenant, [...old, ...kept]);
    const before = await listExecutions(retention.databases);

    const planned = await retention.run({ dry_run: true });
    expect(await listExecutions(retention.databases)).toEqual(before);
    const outcome = await retention.run();

    expect(outcome).toMatchObject({ is_done: true, past_rows_left: 0, deferred: [] });
    expect(outcome.removed).toEqual(planned.removed);
    const ofLedger = outcome.removed.filter(({ table }) => table === "command_executions");
    expect(ofLedger.reduce((sum, { rows }) => sum + rows, 0)).toBe(3);
    const left = await listExecutions(retention.databases);
    expect(left.length).toBe(2);
    expect(ids(await listAnalytics(retention.databases.clickhouseUrl))).toEqual(ids(kept));
    const archived = await listArchived(retention.databases);
    expect([...archived, ...left].toSorted()).toEqual(before.toSorted());
  });

  it("keeps roll-ups and the daily summary of what it archived, also when patterns count everything anew", async () => {
    await retention.add(retention.tenant, [daysAgo(200), daysAgo(120), daysAgo(5)]);
    const before = await listWritten(retention.databases.adminDatabaseUrl);
    expect(before["rollups"]?.length).toBe(3);

    await retention.run();
    await retention.patterns.run("full", new Date().toISOString());

    expect(await listWritten(retention.databases.adminDatabaseUrl)).toEqual(before);
  });

  it("adds to the roll-ups of an archived day what arrives late, and takes it away again without counting it off", async () => {
    await setPolicy(retention, retention.tenant.organizationId, "executions", 10, "archive");
    await retention.add(retention.tenant, [daysAgo(20), daysAgo(2)]);
    await retention.run();
    await retention.add(retention.tenant, [daysAgo(20)]);
    await retention.patterns.run("full", new Date().toISOString());
    const counted = "select sum(execution_count)::int as executions from pattern_daily_rollups";
    expect(await ask(counted)).toEqual([{ executions: 3 }]);

    await retention.run();
    await retention.patterns.run("full", new Date().toISOString());

    expect(await ask(counted)).toEqual([{ executions: 3 }]);
    expect((await ledgerIds()).length).toBe(1);
  });

  it("removes an organization's rows by its own shorter days and leaves another's alone", async () => {
    await setPolicy(retention, retention.tenant.organizationId, "executions", 10, "delete");
    await setPolicy(retention, retention.other.organizationId, "executions", 10, "archive");
    const third = retention.patterns.tenant;
    const mine = [daysAgo(12), daysAgo(40), daysAgo(5)];
    const theirs = [daysAgo(12), daysAgo(5)];
    const others = [daysAgo(12), daysAgo(40)];
    await retention.add(retention.tenant, mine);
    await retention.add(retention.other, theirs);
    await retention.add(third, others);

    const outcome = await retention.run();

    expect(outcome.is_done).toBe(true);
    const kept = [mine[2], theirs[1], ...others].flatMap((row) => row?.id ?? []).toSorted();
    expect(await ledgerIds()).toEqual(kept);
    expect(ids(await listAnalytics(retention.databases.clickhouseUrl))).toEqual(kept);
    expect(
      (await listArchived(retention.databases)).map((text) => text.includes(theirs[0]?.id ?? "?")),
    ).toEqual([true]);
    expect(
      await ask(
        "select distinct organization_id, past_rows_after from retention_counts where table_name = 'command_executions' order by 1",
      ),
    ).toEqual(
      [retention.tenant, retention.other]
        .map(({ organizationId }) => ({ organization_id: organizationId, past_rows_after: "0" }))
        .toSorted((a, b) => (a.organization_id < b.organization_id ? -1 : 1)),
    );
  });

  it("drops a month nobody wants archived", async () => {
    await setPolicy(retention, null, "executions", 90, "delete");
    await retention.add(retention.tenant, [daysAgo(200)]);

    const outcome = await retention.run();

    expect(outcome).toMatchObject({ is_done: true, archives: [{ state: "dropped", rows: 0 }] });
    expect(await listArchived(retention.databases)).toEqual([]);
  });

  it("leaves what the relay has not delivered", async () => {
    await retention.add(retention.tenant, [daysAgo(200)]);
    await ask(
      `insert into analytics_outbox (organization_id, record_ids, record_timestamps, bytes)
       select organization_id, array[id], array[timestamp], 1 from command_executions`,
    );

    const outcome = await retention.run();

    expect(outcome.is_done).toBe(false);
    expect(outcome.deferred).toMatchObject([{ table: "command_executions", reason: "not_delivered" }]);
    expect((await ledgerIds()).length).toBe(1);
    await retention.settle();
    expect((await retention.run()).is_done).toBe(true);
  });

  it("leaves what the patterns have not counted, whole months and single organizations alike", async () => {
    await setPolicy(retention, retention.tenant.organizationId, "executions", 10, "delete");
    await retention.add(retention.tenant, [daysAgo(200), daysAgo(20)]);
    await ask("update pattern_state set unseen_since = now() - interval '1000 days'");

    const outcome = await retention.run();

    expect(outcome.deferred.map(({ reason }) => reason)).toEqual(["not_counted", "not_counted"]);
    expect((await ledgerIds()).length).toBe(2);
    await retention.patterns.run("incremental", new Date().toISOString());
    expect((await retention.run()).is_done).toBe(true);
  });

  it("waits for a counting of patterns that is under way, because it would see the month gone", async () => {
    await retention.add(retention.tenant, [daysAgo(200)]);
    const outcome = await asOwner(retention.databases.adminDatabaseUrl, async (sql) => {
      await sql.query("select pg_advisory_lock(20418, 1)");
      return asOwner(retention.databases.adminDatabaseUrl, async (other) => {
        const { rows } = await other.query<{ outcome: string }>(
          "select detach_executions_month(date_trunc('month', now() - interval '200 days')::date) as outcome",
        );
        return rows[0]?.outcome;
      });
    });
    expect(outcome).toBe("patterns_busy");
  });

  it("makes this month and three more of every table, and says which should have been there", async () => {
    const first = await retention.run();
    for (const table of ["command_executions", "events", "event_processing_logs", "event_deliveries"])
      for (const ahead of [0, 1, 2, 3]) expect(first.months_made).toContain(`${table} ${month(ahead)}`);
    expect(first.months_missing).toContain(`events ${month(1)}`);

    await ask(`drop table events_${month(1).slice(0, 7).replace("-", "_")}`);
    const second = await retention.run();
    expect(second.months_made).toEqual([`events ${month(1)}`]);
    expect(second.months_missing).toEqual([`events ${month(1)}`]);
    expect(retention.logLines.some((line) => line.includes("months were missing"))).toBe(true);
  });

  it("prunes keys past the retry horizon but never that of a pending execution", async () => {
    const pending = daysAgo(2, { status: "pending" });
    await retention.add(retention.tenant, [pending, daysAgo(2)]);
    await ask("update ingest_keys set seen_at = now() - interval '100 days'");

    const outcome = await retention.run();

    expect(outcome.removed.filter(({ table }) => table === "ingest_keys")).toMatchObject([{ rows: 1 }]);
    expect(await ask("select id from ingest_keys")).toEqual([{ id: pending.id }]);
  });

  it("keeps the audit log two years and roll-ups one", async () => {
    await retention.add(retention.tenant, [daysAgo(500), daysAgo(200)]);
    await ask(
      `insert into audit_logs (organization_id, action, created_at)
       select $1, 'x', now() - make_interval(days => d) from unnest(array[800, 700]) as d`,
      [retention.tenant.organizationId],
    );
    await retention.run();
    const outcome = await retention.run();
    expect(outcome.is_done).toBe(true);
    expect(await ask("select count(*)::int as n from audit_logs where action = 'x'")).toEqual([{ n: 1 }]);
    expect(await ask("select count(*)::int as n from pattern_daily_rollups")).toEqual([{ n: 1 }]);
  });

  it("refuses a moment that is still to come, but tells what would go by then", async () => {
    await retention.add(retention.tenant, [daysAgo(30)]);
    const later = new Date(Date.now() + 200 * 86_400_000).toISOString();
    const response = await retention.post({ now: later });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: "/now" }] });
    const planned = await retention.run({ dry_run: true, now: later });
    expect(planned.removed.some(({ table, rows }) => table === "command_executions" && rows === 1)).toBe(
      true,
    );
    expect((await ledgerIds()).length).toBe(1);
  });

  it.each([
    [{ dry_run: "perhaps" }, "/dry_run"],
    [{ now: "yesterday" }, "/now"],
    [{ force: true }, ""],
  ])("refuses %j at %s", async (body, pointer) => {
    const response = await retention.post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ pointer }] });
  });

  it("does nothing while another is at work", async () => {
    await retention.add(retention.tenant, [daysAgo(200)]);
    const [first, second] = await Promise.all([retention.run(), retention.run()]);
    const under = [first, second].filter(({ is_under_way }) => is_under_way);
    const done = [first, second].filter(({ is_done }) => is_done);
    expect(under.length + done.length).toBe(2);
    expect(done.length).toBeGreaterThan(0);
    expect((await listArchived(retention.databases)).length).toBe(1);
  });

  it("writes what it did into the audit log and its own record", async () => {
    await retention.add(retention.tenant, [daysAgo(200)]);
    const { run_id } = await retention.run();
    expect(await ask("select action from audit_logs order by id")).toEqual([
      { action: "retention.month_archived" },
    ]);
    expect(await ask("select state from retention_runs where id = $1", [run_id])).toEqual([
      { state: "done" },
    ]);
  });

  it("refuses a late record of an archived month, unless somebody keeps executions that long", async () => {
    await retention.add(retention.tenant, [daysAgo(200)]);
    await retention.run();
    const make = "select ensure_command_executions_partition(now() - interval '200 days')";
    await expect(ask(make)).rejects.toMatchObject({ code: "NT001" });
    await setPolicy(retention, null, "executions", 3_000, "archive");
    await expect(ask(make)).resolves.toHaveLength(1);
  });
});
