import { readConfig } from "../../functions/health/config.ts";
import type { CheckResult, Status } from "../../functions/health/check.ts";
import { createContext, type HealthContext } from "../../functions/health/context.ts";
import type { Report } from "../../functions/health/gather.ts";
import { BODY_BYTES_MAX, createHandler } from "../../functions/health/handler.ts";
import type { HealthOutcome } from "../../functions/health/run-health.ts";
import type { ListedAlert } from "../../shared/postgres/alerts.ts";
import { createDatabases, type TestDatabases } from "./databases.ts";
import { serveFunction } from "./serve-function.ts";
import { createTenant, type Tenant } from "./tenant.ts";

type Databases = Pick<TestDatabases, "databaseUrl" | "adminDatabaseUrl" | "clickhouseUrl">;
type HealthReport = Report & { alerts: Omit<ListedAlert, "opened_at">[] | null };

export interface Health {
  url: string;
  context: HealthContext;
  databases: Databases;
  tenant: Tenant;
  logLines: string[];
  /** What GET /v1/health answers to the tenant. */
  report: () => Promise<HealthReport>;
  /** One check of it. */
  check: (name: string) => Promise<CheckResult>;
  /** The statuses of some checks, by their names. */
  statuses: (...names: string[]) => Promise<Record<string, Status>>;
  /** Calls POST /run as the scheduler does; throws when the answer is not 200. */
  run: () => Promise<HealthOutcome>;
  close: () => Promise<void>;
}

/** The health function on databases of its own (or those given), with one tenant. */
export async function startHealth(
  options: { databases?: Databases; env?: Record<string, string>; tenant?: Tenant } = {},
): Promise<Health> {
  const own = options.databases === undefined ? await createDatabases() : null;
  const databases = options.databases ?? own;
  if (databases === null) throw new Error("no databases");
  const tenant = options.tenant ?? (await createTenant(databases.adminDatabaseUrl));
  const logLines: string[] = [];
  const context = createContext(
    readConfig({
      DATABASE_URL: databases.databaseUrl,
      CLICKHOUSE_URL: databases.clickhouseUrl,
      NETRA_CALLER_AUTH: "platform",
      NETRA_REQUESTS_PER_SECOND: "100000",
      ...options.env,
    }),
    (line) => logLines.push(line),
  );
  const served = await serveFunction(createHandler(context), BODY_BYTES_MAX);
  const report = async (): Promise<HealthReport> => {
    const response = await fetch(`${served.url}/v1/health`, {
      headers: { authorization: `Bearer ${tenant.key}` },
    });
    const body: unknown = await response.json();
    if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(body)}`);
    return body as HealthReport;
  };
  return {
    url: served.url,
    context,
    databases,
    tenant,
    logLines,
    report,
    async check(name) {
      const found = (await report()).checks.find((one) => one.name === name);
      if (found === undefined) throw new Error(`there is no check ${name}`);
      return found;
    },
    async statuses(...names) {
      const { checks } = await report();
      return Object.fromEntries(
        checks.filter(({ name }) => names.includes(name)).map(({ name, status }) => [name, status]),
      );
    },
    async run() {
      const response = await fetch(`${served.url}/run`, { method: "POST" });
      const body: unknown = await response.json();
      if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(body)}`);
      return body as HealthOutcome;
    },
    async close() {
      await served.close();
      await context.close();
      await own?.close();
    },
  };
}
