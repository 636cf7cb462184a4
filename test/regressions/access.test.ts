import { randomBytes } from "node:crypto";
import { DatabaseError } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { createLog } from "../../shared/log.ts";
import { createPool, withOrganization } from "../../shared/postgres/pool.ts";
import { type Ingest, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { asOwner } from "../helpers/tenant.ts";

/** What this file guards: what the functions may change, wait for and write down. */
async function start(): Promise<Ingest> {
  const ingest = await startIngest();
  onTestFinished(() => ingest.close());
  return ingest;
}

describe("the login of the functions", () => {
  it.each(["completed", "failed", "timeout"] as const)("cannot change a row that is %s", async (status) => {
    const ingest = await start();
    const { databases, tenant } = ingest;
    await ingest.post(makeExecution({ status }));
    const read = async (): Promise<unknown[]> =>
      asOwner(
        databases.adminDatabaseUrl,
        async (sql) => (await sql.query<Record<string, unknown>>("select * from command_executions")).rows,
      );
    const before = await read();
    expect(before).toHaveLength(1);
    const log = createLog("test", () => undefined);
    const pool = createPool({
      databaseUrl: databases.databaseUrl,
      connectionsMax: 1,
      applicationName: "test",
      log,
    });
    onTestFinished(() => pool.end());
    for (const change of ["tool_calls = 0", "status = 'pending'", "cost_usd = 0, cost_basis = 'computed'"]) {
      const text = `update command_executions set ${change} where status = $1`;
      const changed = await withOrganization(pool, tenant.organizationId, (sql) =>
        sql.query(text, [status]),
      ).then(
        ({ rowCount }) => rowCount,
        (error: unknown) => (error instanceof DatabaseError ? error.code : error),
      );
      expect([0, "42501"]).toContain(changed);
    }
    expect(await read()).toEqual(before);
  });
});

describe("a key", () => {
  it("whose row another session has locked is answered without waiting for the lock", async () => {
    const ingest = await start();
    await asOwner(ingest.databases.adminDatabaseUrl, async (sql) => {
      await sql.query("begin");
      await sql.query("select from api_keys for update");
      const { status } = await ingest.post(makeExecution());
      expect(status).toBe(200);
      // Had it waited, then until the statement was cancelled, and it would say so.
      expect(ingest.logLines.filter((line) => /57014|55P03|cancel/.test(line))).toEqual([]);
      await sql.query("rollback");
    });
  });

  it("that was put into a path by mistake does not reach the log", async () => {
    const ingest = await start();
    const key = `ntr_${randomBytes(40).toString("hex").slice(0, 43)}`;
    for (const path of [`/v1/nothing/${key}`, `/v1/executions/${key}`, `/v1/executions?key=${key}`]) {
      for (const method of ["GET", "POST"]) {
        const response = await fetch(`${ingest.url}${path}`, { method });
        await response.arrayBuffer();
        expect([401, 404, 405]).toContain(response.status);
      }
    }
    expect(ingest.logLines.length).toBeGreaterThanOrEqual(6);
    expect(ingest.logLines.filter((line) => line.includes(key))).toEqual([]);
  });
});
