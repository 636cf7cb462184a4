import { createPool } from "../../../shared/postgres/pool.ts";

/**
 * A process with a pool to Cloud SQL, to be frozen: it runs the SQL it is sent and sends back the rows or the error, with
 * how many connections it has; "end" ends the pool, and then nothing may keep the process alive.
 */
const {
  connectionName = "",
  apiUrl = "",
  user = "",
} = JSON.parse(process.argv[2] ?? "{}") as Record<string, string>;
const pool = createPool({
  cloudSql: {
    connectionName,
    apiUrl,
    network: "PRIVATE",
    user,
    password: null,
    database: "postgres",
    refreshGapMs: 1_000,
  },
  connectionsMax: 2,
  applicationName: "test",
  log: () => undefined,
});

process.on("message", (text) => {
  if (text === "end") {
    void pool.end().then(() => process.disconnect());
    return;
  }
  void pool.query(String(text)).then(
    ({ rows }) => process.send?.({ rows, connections: pool.totalCount }),
    (error: unknown) => process.send?.({ error: String(error), connections: pool.totalCount }),
  );
});
process.send?.("ready");
