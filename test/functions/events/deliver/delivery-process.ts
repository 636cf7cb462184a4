import { createDeliverer } from "../../../../functions/events/deliver/deliverer.ts";
import { createLog } from "../../../../shared/log.ts";
import { createPool } from "../../../../shared/postgres/pool.ts";
import { createSecretSource } from "../../../../shared/secret-source.ts";

/** A process that makes one delivery, for tests that kill it: DATABASE_URL, and the delivery as JSON in DELIVERY. */
const log = createLog("test", (text) => process.stdout.write(text));
const pool = createPool({
  databaseUrl: process.env["DATABASE_URL"] ?? "",
  connectionsMax: 2,
  applicationName: "test-deliverer",
  log,
});
const deliverer = createDeliverer({
  pool,
  publisher: { publish: () => Promise.reject(new Error("no topics here")) },
  secrets: createSecretSource({ env: process.env, directory: undefined, log, now: Date.now }),
  privateTargets: true,
  ownTopics: [],
  log,
  now: Date.now,
  random: Math.random,
});
await deliverer.deliver(JSON.parse(process.env["DELIVERY"] ?? "{}"));
await deliverer.close();
await pool.end();
