import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFunctionProcess } from "../../helpers/function-process.ts";
import { type Health, startHealth } from "../../helpers/health.ts";

let health: Health;
/** Where the function itself looks at who calls, and nobody's token is known. */
let guarded: Health;
beforeAll(async () => {
  health = await startHealth();
  guarded = await startHealth({
    databases: health.databases,
    tenant: health.tenant,
    env: {
      NETRA_CALLER_AUTH: "oidc",
      NETRA_CALLER_AUDIENCE: "https://health.example.test",
      NETRA_CALLER_EMAILS: "scheduler@example.test",
      NETRA_OIDC_KEYS_URL: "http://127.0.0.1:9/keys",
    },
  });
});
afterAll(async () => {
  await guarded?.close();
  await health?.close();
});

async function get(path: string, key?: string, method = "GET"): Promise<number> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(`${guarded.url}${path}`, { method, headers });
  await response.text();
  return response.status;
}

async function keyWith(scope: "read" | "admin" | "ingest"): Promise<string> {
  return (await health.tenant.createKey({ scopes: [scope] })).key;
}

describe("who may ask", () => {
  it("lets anybody ask whether it lives and is ready, and nobody more", async () => {
    expect(await get("/live")).toBe(200);
    expect(await get("/ready")).toBe(200);
    for (const path of ["/v1/health", "/metrics"]) {
      expect([path, await get(path)]).toEqual([path, 401]);
      expect([path, await get(path, "no-key-at-all")]).toEqual([path, 401]);
      expect([path, await get(path, `ntr_${"0".repeat(43)}`)]).toEqual([path, 401]);
    }
    expect(await get("/run", undefined, "POST")).toBe(401);
  });

  it("takes keys that may read or administer, and no key for a run", async () => {
    for (const path of ["/v1/health", "/metrics"]) {
      expect([path, await get(path, await keyWith("read"))]).toEqual([path, 200]);
      expect([path, await get(path, await keyWith("admin"))]).toEqual([path, 200]);
      expect([path, await get(path, await keyWith("ingest"))]).toEqual([path, 403]);
    }
    expect(await get("/run", await keyWith("admin"), "POST")).toBe(401);
  });

  it("tells of no organization, user or key", async () => {
    const text = JSON.stringify(await health.report());
    const metrics = await (await fetch(`${health.url}/metrics`)).text();
    for (const secret of [
      health.tenant.organizationId,
      health.tenant.userId,
      health.tenant.key,
      "postgres://",
    ]) {
      expect(text).not.toContain(secret);
      expect(metrics).not.toContain(secret);
    }
  });

  it("asks the stores once for any number of callers at once", async () => {
    const reports = await Promise.all(Array.from({ length: 20 }, () => health.report()));
    expect(new Set(reports.map(({ checked_at }) => checked_at)).size).toBeLessThan(20);
    for (const { checks } of reports)
      expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
  });

  it("runs alone in a process of its own and ends at once when asked to", async () => {
    const { databaseUrl, clickhouseUrl } = health.databases;
    const alone = await startFunctionProcess("health", {
      DATABASE_URL: databaseUrl,
      CLICKHOUSE_URL: clickhouseUrl,
      NETRA_CALLER_AUTH: "platform",
    });
    try {
      expect((await fetch(`${alone.url}/live`)).status).toBe(200);
      expect((await fetch(`${alone.url}/ready`)).status).toBe(200);
      expect(await alone.end("SIGTERM")).toBe(0);
    } finally {
      await alone.end("SIGKILL");
    }
  });
});
