import { afterAll, beforeAll, expect, it } from "vitest";
import { createAuthenticator } from "../../shared/auth.ts";
import { revokeApiKey } from "../../shared/postgres/api-keys.ts";
import { createPool, type Pool } from "../../shared/postgres/pool.ts";
import { createRateLimiter } from "../../shared/rate-limit.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

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

const MINUTE_MS = 60_000;

it.each([
  ["a minute later", MINUTE_MS],
  ["when the clock was set back", -MINUTE_MS],
])("refuses a key that was revoked %s", async (_when, byMs) => {
  const tenant = await createTenant(databases.adminDatabaseUrl);
  const { key, stored } = await tenant.createKey();
  let clock = Date.now();
  const now = (): number => clock;
  const limiter = createRateLimiter({ perSecond: 10, burst: 10, now });
  const { authenticate } = createAuthenticator({ pool, limiter, now, log: () => undefined });
  const request = { headers: { authorization: `Bearer ${key}` }, note: () => undefined };
  await expect(authenticate(request, "read")).resolves.toMatchObject({ keyId: stored.id });
  await asOwner(databases.adminDatabaseUrl, (sql) => revokeApiKey(sql, tenant.organizationId, stored.id));
  // What was looked up is known for a while.
  await expect(authenticate(request, "read")).resolves.toMatchObject({ keyId: stored.id });
  clock += byMs;
  await expect(authenticate(request, "read")).rejects.toThrow("revoked");
});
