import type { Sql } from "./pool.ts";

/** Who wants to be told of events. Everything here is for operators and runs with the owner's rights. */

export type TargetKind = "https" | "pubsub";

/** A secret by reference; `not_after` is ISO time, or null while it holds without end. */
interface SubscriptionSecret {
  reference: string;
  not_after: string | null;
}

export interface EventSubscription {
  id: string;
  organization_id: string;
  name: string;
  /** Patterns of types, with or without the action; `*` stands for any run of characters. */
  event_types: string[];
  source_id: string | null;
  repositories: string[] | null;
  project_id: string | null;
  /** As event_condition_holds of the database reads it. */
  conditions: unknown;
  target_kind: TargetKind;
  target: string;
  /** Newest first. */
  secrets: SubscriptionSecret[];
  is_active: boolean;
  disabled_reason: string | null;
  first_failure_at: Date | null;
  last_success_at: Date | null;
  created_at: Date;
}

const COLUMNS = [
  "id, organization_id, name, event_types, source_id, repositories, project_id, conditions, target_kind, target",
  "secrets, is_active, disabled_reason, first_failure_at, last_success_at, created_at",
].join(", ");

export interface NewSubscription {
  organizationId: string;
  name: string;
  eventTypes: readonly string[];
  sourceId: string | null;
  repositories: readonly string[] | null;
  projectId: string | null;
  conditions: unknown;
  targetKind: TargetKind;
  target: string;
  secrets: readonly SubscriptionSecret[];
}

const INSERT = `
insert into event_subscriptions
  (organization_id, name, event_types, source_id, repositories, project_id, conditions, target_kind, target, secrets)
values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10::jsonb)
on conflict (organization_id, name) do nothing
returning ${COLUMNS}`;

/** Stores a subscription, active from now on; null when the organization has one of this name. */
export async function insertSubscription(
  sql: Sql,
  wanted: NewSubscription,
): Promise<EventSubscription | null> {
  const { rows } = await sql.query<EventSubscription>({
    text: INSERT,
    values: [
      wanted.organizationId,
      wanted.name,
      wanted.eventTypes,
      wanted.sourceId,
      wanted.repositories,
      wanted.projectId,
      wanted.conditions === null ? null : JSON.stringify(wanted.conditions),
      wanted.targetKind,
      wanted.target,
      JSON.stringify(wanted.secrets),
    ],
  });
  return rows[0] ?? null;
}

const IS_VALID = "select event_condition_is_valid($1::jsonb) as valid";

/** Whether a condition is of the form that is understood. */
export async function isValidCondition(sql: Sql, condition: unknown): Promise<boolean> {
  const { rows } = await sql.query<{ valid: boolean }>({
    text: IS_VALID,
    values: [JSON.stringify(condition)],
  });
  return rows[0]?.valid ?? false;
}

const LIST = `select ${COLUMNS} from event_subscriptions where organization_id = $1 order by name limit 1000`;

/** The organization's subscriptions by name. */
export async function listSubscriptions(sql: Sql, organizationId: string): Promise<EventSubscription[]> {
  return (await sql.query<EventSubscription>({ text: LIST, values: [organizationId] })).rows;
}

const FIND = `
select ${COLUMNS} from event_subscriptions
where organization_id = $1 and (name = $2 or id::text = $2)
order by (id::text = $2) desc limit 1`;

/** A subscription by its id or name, or null. */
export async function findSubscription(
  sql: Sql,
  organizationId: string,
  idOrName: string,
): Promise<EventSubscription | null> {
  return (
    (await sql.query<EventSubscription>({ text: FIND, values: [organizationId, idOrName] })).rows[0] ?? null
  );
}

const ENABLE = `
update event_subscriptions
set is_active = true, disabled_reason = null, first_failure_at = null, updated_at = current_timestamp
where organization_id = $1 and id = $2`;

/** Switches a subscription on; the count of days it has failed starts again. What was missed waits for a replay. */
export async function enableSubscription(sql: Sql, organizationId: string, id: string): Promise<void> {
  await sql.query({ text: ENABLE, values: [organizationId, id] });
}

const DISABLE = `
update event_subscriptions set is_active = false, disabled_reason = $3, updated_at = current_timestamp
where organization_id = $1 and id = $2`;

/** Switches a subscription off. Its open deliveries are cancelled when their turn comes, if not before. */
export async function disableSubscription(
  sql: Sql,
  organizationId: string,
  id: string,
  reason: string,
): Promise<void> {
  await sql.query({ text: DISABLE, values: [organizationId, id, reason] });
}

// The old ones end at the latest when the overlap does; those that have ended by now are left out.
const ROTATE = `
update event_subscriptions s
set secrets = jsonb_build_array(jsonb_build_object('reference', $3::text, 'not_after', null)) || coalesce((
    select jsonb_agg(
      jsonb_build_object('reference', old ->> 'reference', 'not_after', least((old ->> 'not_after')::timestamptz, $4::timestamptz))
      order by position
    )
    from jsonb_array_elements(s.secrets) with ordinality as o(old, position)
    where (old ->> 'not_after' is null or (old ->> 'not_after')::timestamptz > now())
      and $4::timestamptz is not null and position < 10
  ), '[]'), updated_at = current_timestamp
where organization_id = $1 and id = $2
returning ${COLUMNS}`;

/** Puts a new secret before the others, which go on until `oldUntil` at most; null takes them away now. */
export async function rotateSubscriptionSecret(
  sql: Sql,
  organizationId: string,
  id: string,
  next: { reference: string; oldUntil: Date | null },
): Promise<EventSubscription> {
  const { rows } = await sql.query<EventSubscription>({
    text: ROTATE,
    values: [organizationId, id, next.reference, next.oldUntil],
  });
  const rotated = rows[0];
  if (rotated === undefined) throw new Error("a subscription went away while its secret was changed");
  return rotated;
}

const FIND_PROJECT = `
select id from projects where organization_id = $1 and (id::text = $2 or name = $2) order by (id::text = $2) desc limit 2`;

/** The ids of up to two projects with this id or name: two mean that a name does not say which. */
export async function findProjectIds(sql: Sql, organizationId: string, idOrName: string): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>({
    text: FIND_PROJECT,
    values: [organizationId, idOrName],
  });
  return rows.map(({ id }) => id);
}
