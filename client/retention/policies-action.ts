import { insertAuditLog } from "../../shared/postgres/audit-logs.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import {
  deleteRetentionPolicy,
  listRetentionPolicies,
  RETENTION_TARGETS,
  type RetentionAction,
  setRetentionPolicy,
  type RetentionTarget,
} from "../../shared/postgres/retention-policies.ts";
import { noteRetention } from "../../shared/postgres/retention-runs.ts";
import { chooseOrganization, withDatabase } from "../admin-database.ts";
import { wholeNumber } from "../command.ts";
import { getAdminDatabaseUrl } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { describePolicies } from "./describe-retention.ts";
import type { RetentionCall } from "./retention-options.ts";

const SHARED = new Set<RetentionTarget>(["event_keys", "ingest_keys"]);

/** `netra retention policies` */
export async function runPoliciesAction(call: RetentionCall): Promise<number> {
  const { values, rest, io, source } = call;
  const [verb, ...args] = rest;
  const inDatabase = <T>(work: (sql: Sql) => Promise<T>): Promise<T> =>
    withDatabase(getAdminDatabaseUrl(source), "netra-retention", work);
  if (verb === "set") await inDatabase((sql) => set(sql, call, args));
  else if (verb === "unset") await inDatabase((sql) => unset(sql, call, args));
  else if (verb !== undefined) throw new UsageError("say policies, policies set or policies unset");
  const policies = await inDatabase(listRetentionPolicies);
  io.out(values.json ? `${JSON.stringify({ policies })}\n` : describePolicies(policies));
  return EXIT.ok;
}

async function set(sql: Sql, { values }: RetentionCall, args: readonly string[]): Promise<void> {
  const [name, daysText, ...more] = args;
  if (daysText === undefined || more.length > 0) throw new UsageError("set takes a target and its days");
  const target = readTarget(name);
  const isShared = SHARED.has(target);
  if (isShared && values.organization !== undefined)
    throw new UsageError(`${target} are kept alike for all organizations: leave out --organization`);
  const keepDays = wholeNumber("days", daysText, { min: isShared ? 7 : 1, max: 36_500 }) ?? 0;
  const action = readAction(values.action, target);
  const organizationId =
    values.organization === undefined ? null : (await chooseOrganization(sql, values.organization, false)).id;
  await setRetentionPolicy(sql, organizationId, { target, keepDays, action });
  await audit(sql, organizationId, "retention.policy_set", target, { keep_days: keepDays, action });
}

async function unset(sql: Sql, { values }: RetentionCall, args: readonly string[]): Promise<void> {
  const [name, ...more] = args;
  if (more.length > 0) throw new UsageError(`too many arguments: ${more.join(" ")}`);
  const target = readTarget(name);
  if (values.organization === undefined)
    throw new UsageError("a default can be set but not unset; say whose policy with --organization");
  const { id, slug } = await chooseOrganization(sql, values.organization, false);
  if (!(await deleteRetentionPolicy(sql, id, target)))
    throw new UsageError(`${slug} has no policy of its own for ${target}`);
  await audit(sql, id, "retention.policy_unset", target, {});
}

function readTarget(name: string | undefined): RetentionTarget {
  const target = RETENTION_TARGETS.find((one) => one === name);
  if (target === undefined)
    throw new UsageError(`"${name ?? ""}" is no target; there are ${RETENTION_TARGETS.join(", ")}`);
  return target;
}

function readAction(text: string | undefined, target: RetentionTarget): RetentionAction | null {
  if (text === undefined) return null;
  if (text !== "archive" && text !== "delete") throw new UsageError("--action must be archive or delete");
  if (text === "archive" && target !== "executions")
    throw new UsageError("only executions are archived; everything else is deleted");
  return text;
}

async function audit(
  sql: Sql,
  organizationId: string | null,
  action: string,
  target: RetentionTarget,
  metadata: Record<string, unknown>,
): Promise<void> {
  if (organizationId === null) {
    await noteRetention(sql, { organizationId, action, about: target, metadata });
  } else {
    await insertAuditLog(sql, {
      organizationId,
      userId: null,
      action,
      resourceType: "retention",
      resourceId: target,
      metadata,
    });
  }
}
