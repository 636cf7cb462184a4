import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { createOidcIssuer, type OidcIssuer } from "../../local/oidc-issuer.ts";
import { readConfig } from "../../functions/ingest/config.ts";
import { type Ingest, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";

const AUDIENCE = "https://ingest.example.test";
const SCHEDULER = "scheduler@netra-test.iam.gserviceaccount.com";

let issuer: OidcIssuer;
let keys: Server;
let ingest: Ingest;

beforeAll(async () => {
  issuer = await createOidcIssuer(Date.now);
  keys = createServer((_, response) => response.end(JSON.stringify(issuer.keys)));
  await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
  const keysUrl = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`;
  ingest = await startIngest({
    env: { NETRA_OIDC_KEYS_URL: keysUrl, NETRA_CALLER_AUDIENCE: AUDIENCE, NETRA_CALLER_EMAILS: SCHEDULER },
  });
});

afterAll(async () => {
  await ingest.close();
  keys.close();
  keys.closeAllConnections();
});

function relay(token: string | null): Promise<Response> {
  return fetch(`${ingest.url}/v1/relay`, {
    method: "POST",
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });
}

it("carries what waits when the scheduler calls, and tells it what was carried", async () => {
  await ingest.post({ executions: [makeExecution()] });
  const response = await relay(await issuer.token({ serviceAccountEmail: SCHEDULER, audience: AUDIENCE }));
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ delivered: expect.any(Number), batches: expect.any(Number) });
});

it("begins to carry at once what a lone sender sent: its own request is over by then", async () => {
  const { activity, relay: carrier } = ingest.context;
  const busy: boolean[] = [];
  const kick = vi.spyOn(carrier, "kick").mockImplementation(() => void busy.push(activity.isBusy()));
  try {
    await ingest.post({ executions: [makeExecution()] });
    expect(busy).toEqual([false]);
  } finally {
    kick.mockRestore();
  }
});

it("tells an administrator what of the own organization waits", async () => {
  const response = await relay(ingest.tenant.key);
  expect(await response.json()).toEqual({ waiting: expect.any(Number) });
});

it("refuses other accounts, tokens for others, keys without the scope, and nobody", async () => {
  const stranger = await issuer.token({ serviceAccountEmail: "x@example.test", audience: AUDIENCE });
  const elsewhere = await issuer.token({ serviceAccountEmail: SCHEDULER, audience: "https://other.test" });
  const { key } = await ingest.tenant.createKey({ scopes: ["ingest"] });
  expect((await relay(stranger)).status).toBe(401);
  expect((await relay(elsewhere)).status).toBe(401);
  expect((await relay("eyJ.not.one")).status).toBe(401);
  expect((await relay(null)).status).toBe(401);
  expect((await relay(key)).status).toBe(403);
});

it("takes no token where no caller is named", async () => {
  const own = await startIngest({ databases: ingest.databases });
  try {
    const token = await issuer.token({ serviceAccountEmail: SCHEDULER, audience: AUDIENCE });
    const response = await fetch(`${own.url}/v1/relay`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(401);
  } finally {
    await own.close();
  }
});

it("does not start with an audience and no e-mails", () => {
  const env = { DATABASE_URL: "postgres://u:p@h/d", CLICKHOUSE_URL: "http://h:1/d" };
  expect(() => readConfig({ ...env, NETRA_CALLER_AUDIENCE: AUDIENCE })).toThrow(/NETRA_CALLER_EMAILS/);
});
