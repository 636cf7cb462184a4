import { listAppliedAnalyticsMigrations } from "../../../shared/clickhouse/health.ts";
import { CLICKHOUSE_MIGRATIONS, POSTGRES_MIGRATIONS } from "../../../shared/migration-versions.ts";
import { listAppliedMigrations } from "../../../shared/postgres/health-schema.ts";
import { type CheckResult, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

interface Facts {
  applied: readonly number[];
  wanted: readonly number[];
}

/** Whether each database has just the migrations this code was written for. */
export const postgresMigrations: CheckGroup<Facts> = {
  names: ["postgres_migrations"],
  fetch: async ({ pool }) => ({ applied: await listAppliedMigrations(pool), wanted: POSTGRES_MIGRATIONS }),
  evaluate: (facts) => [judgeMigrations("postgres_migrations", facts)],
};

export const clickhouseMigrations: CheckGroup<Facts> = {
  names: ["clickhouse_migrations"],
  fetch: async ({ clickhouse }, signal) => ({
    applied: await listAppliedAnalyticsMigrations({ clickhouse, signal }),
    wanted: CLICKHOUSE_MIGRATIONS,
  }),
  evaluate: (facts) => [judgeMigrations("clickhouse_migrations", facts)],
};

export function judgeMigrations(name: string, { applied, wanted }: Facts): CheckResult {
  const missing = wanted.filter((version) => !applied.includes(version));
  const newer = applied.filter((version) => !wanted.includes(version));
  const version = applied.at(-1) ?? 0;
  const told = { value: version, unit: "version" };
  if (missing.length > 0) {
    return {
      ...state(name, "critical", `The schema is behind the code: ${listed(missing)} of it missing.`, {
        nextStep: "npm run migrate -- up, with the owner's address of the database.",
      }),
      ...told,
    };
  }
  if (newer.length > 0) {
    return {
      ...state(
        name,
        "warning",
        `The schema is ahead of the code: this function does not know ${listed(newer)}.`,
        {
          nextStep: "Deploy the newest version of the functions.",
        },
      ),
      ...told,
    };
  }
  return { ...state(name, "ok", `The schema is at version ${version}, as the code is.`), ...told };
}

function listed(versions: readonly number[]): string {
  return `migration ${versions.slice(0, 10).join(", ")}${versions.length > 10 ? ", …" : ""}`;
}
