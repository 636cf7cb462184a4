import { type Pool, type Sql, withSystemRole } from "./pool.ts";

/** When to alert: a check's value compared with a threshold, or a check's status. */
export type AlertRule = {
  id: number;
  name: string;
  /** The name of a check, or `*` for every check. */
  metric: string;
  for_seconds: number;
  severity: "warning" | "critical";
} & (
  | { comparison: "status"; status: "warning" | "critical" | "unknown"; threshold: null }
  | { comparison: ">" | ">=" | "<" | "<="; status: null; threshold: number }
);

interface OpenAlert {
  id: string;
  rule: string;
  subject: string;
}

/** A rule whose condition holds, and for how long it has, in seconds. */
interface HeldCondition {
  rule_id: number;
  subject: string;
  held_seconds: number;
}

export interface AlertState {
  rules: AlertRule[];
  open: OpenAlert[];
  held: HeldCondition[];
}

/** What an alert says when it is opened. */
export interface NewAlert {
  rule_id: number;
  rule: string;
  subject: string;
  severity: string;
  status: string;
  value: number | null;
  threshold: number | null;
  unit: string | null;
  message: string;
  next_step: string | null;
}

export interface AlertChanges {
  opened: readonly NewAlert[];
  /** Ids of open alerts whose condition no longer holds. */
  closed: readonly string[];
  /** Every condition that holds, and no other, is remembered from now on. */
  holding: readonly { rule_id: number; subject: string }[];
}

export interface AlertOutcome {
  opened: number;
  closed: number;
  /** Events made of them: one for each organization that is told. */
  events: number;
}

const LOCK = "select pg_try_advisory_xact_lock(hashtext('alerts')) as is_locked";
const RULES = `
select id, name, metric, comparison, threshold, status, for_seconds, severity
from alert_rules where is_enabled order by id limit 1000`;
const OPEN = "select id, rule, subject from alerts where closed_at is null order by id limit 10000";
const HELD = `
select rule_id, subject, extract(epoch from now() - since)::float8 as held_seconds from alert_conditions limit 10000`;

const FORGET = `
delete from alert_conditions c
where not exists (
  select from unnest($1::integer[], $2::text[]) as h(rule_id, subject)
  where h.rule_id = c.rule_id and h.subject = c.subject
)`;
const REMEMBER = `
insert into alert_conditions (rule_id, subject, since)
select rule_id, subject, now() from unnest($1::integer[], $2::text[]) as h(rule_id, subject)
on conflict do nothing`;

const CLOSE = `
with closed as (
  update alerts set closed_at = now() where id = any ($1::uuid[]) and closed_at is null returning alerts
)
select publish_alert_event(alerts, 'closed') as events from closed`;
const INSERT = `
insert into alerts (rule_id, rule, subject, severity, status, value, threshold, unit, message, next_step)
select rule_id, rule, subject, severity, status, value, threshold, unit, left(message, 1000), left(next_step, 1000)
from jsonb_to_recordset($1::jsonb) as n(
  rule_id integer, rule text, subject text, severity text, status text, value double precision,
  threshold double precision, unit text, message text, next_step text
)
on conflict do nothing
returning id`;
const PUBLISH = "select publish_alert_event(a, 'opened') as events from alerts a where id = any ($1::uuid[])";
/** A year of closed alerts is kept. */
const PRUNE = "delete from alerts where closed_at < now() - interval '1 year'";

/**
 * Decides on alerts and carries it out in one transaction: rules, what is open and what holds are read, `decide` says what
 * changes, and with each change goes its event. Of two calls at once one does nothing and returns null.
 */
export async function changeAlerts(
  pool: Pool,
  decide: (state: AlertState) => AlertChanges,
): Promise<AlertOutcome | null> {
  return withSystemRole(pool, async (sql) => {
    const { rows } = await sql.query<{ is_locked: boolean }>(LOCK);
    if (rows[0]?.is_locked !== true) return null;
    const changes = decide({
      rules: (await sql.query<AlertRule>({ text: RULES })).rows,
      open: (await sql.query<OpenAlert>({ text: OPEN })).rows,
      held: (await sql.query<HeldCondition>({ text: HELD })).rows,
    });
    const holding = [
      changes.holding.map(({ rule_id }) => rule_id),
      changes.holding.map(({ subject }) => subject),
    ];
    await sql.query({ text: FORGET, values: holding });
    await sql.query({ text: REMEMBER, values: holding });
    const closed = await countEvents(sql, CLOSE, changes.closed);
    const inserted = await sql.query<{ id: string }>({
      text: INSERT,
      values: [JSON.stringify(changes.opened)],
    });
    const opened = await countEvents(
      sql,
      PUBLISH,
      inserted.rows.map(({ id }) => id),
    );
    await sql.query(PRUNE);
    return { opened: opened.alerts, closed: closed.alerts, events: opened.events + closed.events };
  });
}

async function countEvents(
  sql: Sql,
  text: string,
  ids: readonly string[],
): Promise<{ alerts: number; events: number }> {
  if (ids.length === 0) return { alerts: 0, events: 0 };
  const { rows } = await sql.query<{ events: number }>({ text, values: [ids] });
  return { alerts: rows.length, events: rows.reduce((sum, { events }) => sum + events, 0) };
}

/** An alert that is open, as it is shown. */
export interface ListedAlert {
  id: string;
  rule: string;
  subject: string;
  severity: "warning" | "critical";
  message: string;
  next_step: string | null;
  opened_at: Date;
}

const LIST = `
select id, rule, subject, severity, message, next_step, opened_at
from alerts where closed_at is null order by severity, opened_at limit 200`;

export async function listOpenAlerts(pool: Pool): Promise<ListedAlert[]> {
  return withSystemRole(pool, async (sql) => (await sql.query<ListedAlert>({ text: LIST })).rows);
}

const ADD_RECIPIENT =
  "insert into alert_recipients (organization_id) values ($1) on conflict do nothing returning organization_id";
const REMOVE_RECIPIENT = "delete from alert_recipients where organization_id = $1 returning organization_id";

/** Whether an organization's subscriptions hear of alerts from now on. Returns whether that is new. Needs the owner's rights. */
export async function setAlertRecipient(sql: Sql, organizationId: string, isTold: boolean): Promise<boolean> {
  const text = isTold ? ADD_RECIPIENT : REMOVE_RECIPIENT;
  return (await sql.query({ text, values: [organizationId] })).rows.length > 0;
}
