import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decideAlerts } from "../../../functions/health/alerts/decide-alerts.ts";
import { type CheckResult, state, type Status } from "../../../functions/health/check.ts";
import type { AlertRule } from "../../../shared/postgres/alerts.ts";
import { setAlertRecipient } from "../../../shared/postgres/alerts.ts";
import { storeSubscription } from "../../helpers/deliveries.ts";
import { type Events, startEvents } from "../../helpers/events.ts";
import { type Health, startHealth } from "../../helpers/health.ts";
import { type Receiver, startReceiver } from "../../helpers/receiver.ts";
import { asOwner, createTenant } from "../../helpers/tenant.ts";

const OVER: AlertRule = {
  id: 1,
  name: "over",
  metric: "replication_lag",
  comparison: ">",
  threshold: 30,
  status: null,
  for_seconds: 60,
  severity: "critical",
};
const BAD: AlertRule = {
  id: 2,
  name: "bad",
  metric: "*",
  comparison: "status",
  threshold: null,
  status: "critical",
  for_seconds: 0,
  severity: "critical",
};
const check = (status: Status, value: number | null = null, name = "replication_lag"): CheckResult => ({
  ...state(name, status, "It is so.", { nextStep: "Do this." }),
  value,
});
const held = (seconds: number) => [{ rule_id: 1, subject: "replication_lag", held_seconds: seconds }];
const open = [{ id: "a", rule: "over", subject: "replication_lag" }];
const subjects = (list: readonly { subject: string }[]): string[] => list.map(({ subject }) => subject);

const decideOver = (seconds: number | null) =>
  decideAlerts([check("critical", 31)], {
    rules: [OVER],
    open: [],
    held: seconds === null ? [] : held(seconds),
  });

describe("what the rules decide", () => {
  it("waits until the condition has held for the rule's time", () => {
    expect(decideOver(null)).toMatchObject({ opened: [], closed: [], holding: [{ rule_id: 1 }] });
    expect(decideOver(59)).toMatchObject({ opened: [], closed: [] });
    expect(decideOver(60).opened).toMatchObject([
      { rule: "over", value: 31, threshold: 30, next_step: "Do this." },
    ]);
  });

  it("forgets a condition that no longer holds, and closes its alert", () => {
    const state_ = { rules: [OVER], open, held: held(600) };
    expect(decideAlerts([check("ok", 30)], state_)).toEqual({ opened: [], closed: ["a"], holding: [] });
    expect(decideAlerts([check("critical", 31)], state_)).toMatchObject({ opened: [], closed: [] });
  });

  it("neither opens nor closes on what could not be asked", () => {
    expect(decideAlerts([check("unknown")], { rules: [OVER], open, held: held(600) })).toMatchObject({
      opened: [],
      closed: [],
      holding: [{ rule_id: 1 }],
    });
    expect(decideAlerts([check("unknown")], { rules: [OVER], open: [], held: held(600) })).toMatchObject({
      opened: [],
      closed: [],
      holding: [{ rule_id: 1 }],
    });
    expect(decideAlerts([check("unknown")], { rules: [OVER], open: [], held: [] })).toEqual({
      opened: [],
      closed: [],
      holding: [],
    });
  });

  it("takes a rule of every check for each check alone", () => {
    const checks = [check("critical", 1, "one"), check("ok", 1, "two"), check("critical", 1, "three")];
    const decided = decideAlerts(checks, {
      rules: [BAD],
      open: [{ id: "b", rule: "bad", subject: "two" }],
      held: [],
    });
    expect(subjects(decided.opened)).toEqual(["one", "three"]);
    expect(decided.closed).toEqual(["b"]);
  });

  it("closes what no rule stands behind any more", () => {
    expect(decideAlerts([check("critical", 31)], { rules: [], open, held: held(600) })).toEqual({
      opened: [],
      closed: ["a"],
      holding: [],
    });
  });

  it.each([
    [">", 30, false],
    [">=", 30, true],
    ["<", 30, false],
    ["<=", 30, true],
    ["<", 29, true],
  ] as const)("compares: value %s threshold at %i holds: %o", (comparison, value, holds) => {
    const rule: AlertRule = { ...OVER, comparison, for_seconds: 0 };
    const decided = decideAlerts([check("warning", value)], { rules: [rule], open: [], held: [] });
    expect(decided.opened).toHaveLength(holds ? 1 : 0);
  });
});

describe("alerts", () => {
  const SIGNING_KEY = `whsec_${randomBytes(32).toString("base64")}`;
  let health: Health;
  let events: Events;
  let receiver: Receiver;
  let admin: string;
  beforeAll(async () => {
    health = await startHealth();
    admin = health.databases.adminDatabaseUrl;
    events = await startEvents({ databases: health.databases, tenant: health.tenant, env: { SIGNING_KEY } });
    receiver = await startReceiver();
    await asOwner(admin, async (sql) => {
      await setAlertRecipient(sql, health.tenant.organizationId, true);
      await storeSubscription(sql, health.tenant.organizationId, {
        eventTypes: ["netra.alert.*"],
        target: receiver.url,
        secrets: [{ reference: "env:SIGNING_KEY", not_after: null }],
      });
    });
  });
  afterAll(async () => {
    await receiver?.close();
    await events?.close();
    await health?.close();
  });
  beforeEach(async () => {
    receiver.requests.splice(0);
    await query("delete from alerts");
    await query("delete from alert_conditions");
    // One rule that is easily broken and mended, at once.
    await query("update alert_rules set is_enabled = (name = 'check-critical'), for_seconds = 0");
    await query("delete from job_states");
  });

  async function query<Row extends object>(text: string): Promise<Row[]> {
    return asOwner(admin, async (sql) => (await sql.query<Row>(text)).rows);
  }
  const stop = (): Promise<unknown> =>
    query(`
      insert into job_states (job, last_started_at, last_ended_at, last_outcome, last_duration_ms, last_counts,
        last_succeeded_at, consecutive_failures, runs, failures)
      values ('relay', now(), now(), 'succeeded', 1, '{}', now() - interval '1 day', 0, 1, 0)`);
  const mend = (): Promise<unknown> => query("update job_states set last_succeeded_at = now()");
  const received = (): {
    type: string;
    data: { payload: { action: string; alert: Record<string, unknown> } };
  }[] => receiver.requests.map(({ body }) => JSON.parse(body.toString()) as never);

  it("opens one and closes it once, whatever runs at once, and its subscribers hear of each once", async () => {
    await stop();
    const runs = await Promise.all([health.run(), health.run(), health.run(), health.run()]);
    expect(runs.reduce((sum, { opened }) => sum + opened, 0)).toBe(1);
    expect((await health.run()).opened).toBe(0);
    expect(await query("select rule, subject, severity, status from alerts where closed_at is null")).toEqual(
      [{ rule: "check-critical", subject: "job_relay", severity: "critical", status: "critical" }],
    );
    const { alerts } = await health.report();
    expect(alerts).toMatchObject([{ rule: "check-critical", subject: "job_relay" }]);
    expect(await query("select rule, subject from critical_alerts")).toHaveLength(1);

    await mend();
    const after = await Promise.all([health.run(), health.run(), health.run()]);
    expect(after.reduce((sum, { closed }) => sum + closed, 0)).toBe(1);
    expect((await health.run()).closed).toBe(0);
    expect(await query("select from alerts where closed_at is null")).toEqual([]);
    expect((await health.report()).alerts).toEqual([]);

    await events.processAll();
    const told = received();
    expect(told.map(({ type }) => type).toSorted()).toEqual(["netra.alert.closed", "netra.alert.opened"]);
    const opened = told.find(({ type }) => type === "netra.alert.opened");
    expect(opened?.data.payload).toMatchObject({
      action: "opened",
      alert: { rule: "check-critical", subject: "job_relay" },
    });
    expect(opened?.data.payload.alert["message"]).toContain("last succeeded");
    expect(await query("select is_known_type, status from events where source = 'netra'")).toEqual([
      { is_known_type: true, status: "processed" },
      { is_known_type: true, status: "processed" },
    ]);
  });

  it("opens a new one when it breaks again", async () => {
    await stop();
    await health.run();
    await mend();
    await health.run();
    await query("update job_states set last_succeeded_at = now() - interval '1 day' where job = 'relay'");
    expect((await health.run()).opened).toBe(1);
    expect(await query("select from alerts")).toHaveLength(2);
  });

  it("waits for as long as the rule says", async () => {
    await query("update alert_rules set for_seconds = 60 where name = 'check-critical'");
    await stop();
    expect((await health.run()).opened).toBe(0);
    expect(await query("select subject from alert_conditions")).toEqual([{ subject: "job_relay" }]);
    expect((await health.run()).opened).toBe(0);
    await query("update alert_conditions set since = since - interval '1 minute'");
    expect((await health.run()).opened).toBe(1);
    await mend();
    await health.run();
    expect(await query("select from alert_conditions")).toEqual([]);
  });

  it("tells nobody who was not named, though they subscribe to everything", async () => {
    const other = await createTenant(admin);
    await asOwner(admin, async (sql) => {
      await storeSubscription(sql, other.organizationId, { target: receiver.url });
      await setAlertRecipient(sql, health.tenant.organizationId, false);
    });
    await stop();
    expect(await health.run()).toMatchObject({ opened: 1, events: 0 });
    await asOwner(admin, (sql) => setAlertRecipient(sql, health.tenant.organizationId, true));
    await mend();
    expect(await health.run()).toMatchObject({ closed: 1, events: 1 });
    expect(await query(`select from events where organization_id = '${other.organizationId}'`)).toEqual([]);
  });

  it("has the rules of the first sketch as data", async () => {
    const rules = await query(
      "select metric, comparison, threshold, for_seconds from alert_rules where metric <> '*'",
    );
    expect(rules).toEqual(
      expect.arrayContaining([
        { metric: "database_size", comparison: ">", threshold: 100e9, for_seconds: 0 },
        { metric: "last_execution", comparison: ">", threshold: 3_600, for_seconds: 0 },
        { metric: "replication_lag", comparison: ">", threshold: 30, for_seconds: 0 },
        { metric: "pool_utilization", comparison: ">", threshold: 80, for_seconds: 0 },
        { metric: "slow_queries", comparison: ">", threshold: 10, for_seconds: 0 },
      ]),
    );
    const { checks } = await health.report();
    const names = checks.map(({ name }) => name);
    for (const rule of rules as { metric: string }[]) expect(names).toContain(rule.metric);
  });
});
