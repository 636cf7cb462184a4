import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createReconciler } from "../../functions/events/reconcile/reconcile-github.ts";
import { insertEventSource } from "../../shared/postgres/event-sources.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { createDatabases } from "../helpers/databases.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

const log = (): void => {};

it("what the end of a run cuts off is no error, and the next run goes on there", async () => {
  const databases = await createDatabases();
  const { organizationId } = await createTenant(databases.adminDatabaseUrl);
  let isSlow = true;
  const cursors: (string | null)[] = [];
  const server = createServer((request, response) => {
    const cursor = new URL(request.url ?? "/", "http://localhost").searchParams.get("cursor");
    cursors.push(cursor);
    if (cursor !== null && isSlow) return;
    const page = [
      {
        id: cursor === null ? 2 : 1,
        guid: `guid ${cursor ?? "none"}`,
        delivered_at: new Date(Date.now() - (cursor === null ? 1 : 20) * 60_000).toISOString(),
        redelivery: false,
        status_code: 200,
        event: "ping",
      },
    ];
    const headers = cursor === null ? { link: '<http://localhost/?cursor=next>; rel="next"' } : {};
    response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(page));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const pool = createPool({
    databaseUrl: databases.databaseUrl,
    connectionsMax: 1,
    applicationName: "test",
    log,
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await pool.end();
    await databases.close();
  });
  await asOwner(databases.adminDatabaseUrl, (sql) =>
    insertEventSource(sql, {
      organizationId,
      kind: "github",
      endpointId: "a".repeat(24),
      name: "github",
      config: { hook: { repository: "acme/app", id: 7 }, token_ref: "env:GITHUB_TOKEN" },
    }),
  );
  const secrets = createSecretSource({
    env: { GITHUB_TOKEN: "token" },
    directory: undefined,
    log,
    now: Date.now,
  });
  const reconciler = createReconciler({
    pool,
    secrets,
    apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    now: Date.now,
  });

  expect(await reconciler.reconcile(2_000)).toMatchObject({ sources: 1, listed: 1, errors: 0 });
  isSlow = false;
  expect(await reconciler.reconcile(30_000)).toMatchObject({ sources: 1, errors: 0 });
  expect(cursors.at(-1)).toBe("next");
});
