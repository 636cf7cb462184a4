import { afterAll, beforeAll, expect, it } from "vitest";
import { connectForJob } from "../../../functions/patterns/job-connection.ts";
import { createPool, type Pool } from "../../../shared/postgres/pool.ts";
import { connectForRetention } from "../../../shared/retention/connection.ts";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";

let databases: TestDatabases;
let pool: Pool;

beforeAll(async () => {
  databases = await createDatabases();
  pool = createPool({
    databaseUrl: databases.databaseUrl,
    connectionsMax: 2,
    applicationName: "test",
    log: () => undefined,
  });
});
afterAll(async () => {
  await pool?.end();
  await databases?.close();
});

const CONNECTIONS = {
  patterns: async () => {
    const connection = await connectForJob(pool);
    return { run: connection.plain, close: () => connection[Symbol.asyncDispose]() };
  },
  retention: async () => {
    const connection = await connectForRetention({ pool, asSystem: true }, 0);
    if (connection === null) throw new Error("another run is at work");
    return { run: connection.run, close: () => connection[Symbol.asyncDispose]() };
  },
};

it.each(Object.entries(CONNECTIONS))(
  "does not tell %s that what was rolled back is stored",
  async (_job, connect) => {
    const { run, close } = await connect();
    const going = run(async (sql) => {
      await sql.query("select 1 / 0").catch(() => undefined);
    });
    await expect(going).rejects.toThrow("went on after one of its statements had failed");
    await close();
  },
);
