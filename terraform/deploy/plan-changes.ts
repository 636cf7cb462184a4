import { z } from "zod";

export interface Change {
  /** Such as `module.netra.module.functions["ingest"].google_cloud_run_v2_service.this`. */
  address: string;
  type: string;
  actions: readonly string[];
}

const planSchema = z.object({
  resource_changes: z
    .array(
      z.object({ address: z.string(), type: z.string(), change: z.object({ actions: z.array(z.string()) }) }),
    )
    .default([]),
});

/** What a plan changes, from `terraform show -json`; what it only reads is left out. */
export function readChanges(json: string): Change[] {
  const { resource_changes: changes } = planSchema.parse(JSON.parse(json));
  return changes
    .map(({ address, type, change }) => ({ address, type, actions: change.actions }))
    .filter(({ actions }) => actions.some((action) => action !== "no-op" && action !== "read"));
}

/** What holds data that nothing brings back once it is deleted. */
const DATA_TYPES: ReadonlySet<string> = new Set([
  "google_sql_database_instance",
  "google_sql_database",
  "google_storage_bucket",
  "google_secret_manager_secret",
  "google_artifact_registry_repository",
  "google_pubsub_topic",
  "google_pubsub_subscription",
]);

/** Addresses of what holds data and would be deleted, also where it is made anew. */
export function findLosses(changes: readonly Change[]): string[] {
  return changes
    .filter(({ type, actions }) => DATA_TYPES.has(type) && actions.includes("delete"))
    .map(({ address }) => address);
}

const OWNER_PASSWORD = /\.google_(sql_user|secret_manager_secret_version)\.owner$/;

/** Whether the password of the database's owner would be written: with none at hand, one that nobody knows. */
export function writesOwnerPassword(changes: readonly Change[]): boolean {
  return changes.some(
    ({ address, actions }) =>
      OWNER_PASSWORD.test(address) && (actions.includes("create") || actions.includes("update")),
  );
}

/** Addresses of what a later plan changes in a way that nobody agreed to. */
export function findUnagreed(later: readonly Change[], agreed: readonly Change[]): string[] {
  const known = new Map(agreed.map(({ address, actions }) => [address, actions.join()]));
  return later
    .filter(({ address, actions }) => known.get(address) !== actions.join())
    .map(({ address, actions }) => `${address} (${actions.join(", ")})`);
}

function isReplace(actions: readonly string[]): boolean {
  return actions.includes("create") && actions.includes("delete");
}

/** `3 to add, 7 to change, 0 to delete, 1 to make anew`. */
export function summarizeChanges(changes: readonly Change[]): string {
  const count = (test: (actions: readonly string[]) => boolean): number =>
    changes.filter(({ actions }) => test(actions)).length;
  const added = count((actions) => actions.includes("create") && !isReplace(actions));
  const deleted = count((actions) => actions.includes("delete") && !isReplace(actions));
  const changed = count((actions) => actions.includes("update"));
  return `${added} to add, ${changed} to change, ${deleted} to delete, ${count(isReplace)} to make anew`;
}
