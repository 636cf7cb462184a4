import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../functions/retention/config.ts";
import { createContext } from "../../functions/retention/context.ts";
import { BODY_BYTES_MAX, createHandler } from "../../functions/retention/handler.ts";
import { createOidcIssuer, type OidcIssuer } from "../../local/oidc-issuer.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { startEvents } from "../helpers/events.ts";
import { closeServer, listenOn } from "../helpers/google-metadata.ts";
import { startHealth } from "../helpers/health.ts";
import { startIngest } from "../helpers/ingest.ts";
import { startPatterns } from "../helpers/patterns.ts";
import { retentionEnv } from "../helpers/retention.ts";
import { serveFunction } from "../helpers/serve-function.ts";

/** What this file guards: what the scheduler calls is done for the scheduler's token for that very function, and for no other. */
const SCHEDULER = "scheduler@netra-test.iam.gserviceaccount.com";
const JOBS = {
  ingest: ["/v1/relay"],
  events: ["/sweep", "/reconcile"],
  patterns: ["/run"],
  retention: ["/run?dry_run=true"],
  health: ["/run"],
} as const;
type Name = keyof typeof JOBS;
const NAMES = Object.keys(JOBS) as Name[];

let issuer: OidcIssuer;
let keys: Server;
let databases: TestDatabases;
let served: Record<Name, { url: string; close: () => Promise<void> }>;

beforeAll(async () => {
  issuer = await createOidcIssuer(Date.now);
  keys = createServer((_request, response) => response.end(JSON.stringify(issuer.keys)));
  const keysUrl = `http://127.0.0.1:${(await listenOn(keys, "127.0.0.1", 0)).port}`;
  databases = await createDatabases();
  const envOf = (name: Name): Record<string, string> => ({
    NETRA_OIDC_KEYS_URL: keysUrl,
    NETRA_CALLER_AUTH: "oidc",
    NETRA_CALLER_AUDIENCE: audienceOf(name),
    NETRA_CALLER_EMAILS: SCHEDULER,
  });
  const startRetention = async (): Promise<{ url: string; close: () => Promise<void> }> => {
    const context = createContext(
      readConfig({ ...retentionEnv(databases), ...envOf("retention") }),
      () => true,
    );
    const { url, close } = await serveFunction(createHandler(context), BODY_BYTES_MAX);
    return { url, close: () => close().then(() => context.close()) };
  };
  served = {
    ingest: await startIngest({ databases, env: envOf("ingest") }),
    events: await startEvents({ databases, env: envOf("events") }),
    patterns: await startPatterns({ databases, env: envOf("patterns") }),
    retention: await startRetention(),
    health: await startHealth({ databases, env: envOf("health") }),
  };
});

afterAll(async () => {
  for (const { close } of Object.values(served)) await close();
  await databases.close();
  await closeServer(keys);
});

function audienceOf(name: Name): string {
  return `https://${name}.example.test`;
}

async function call(name: Name, path: string, token: string | null): Promise<number> {
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${served[name].url}${path}`, { method: "POST", headers });
  await response.arrayBuffer();
  return response.status;
}

describe.each(NAMES)("what the scheduler calls of %s", (name) => {
  it("is done for its token", async () => {
    const token = await issuer.token({ serviceAccountEmail: SCHEDULER, audience: audienceOf(name) });
    for (const path of JOBS[name]) expect([path, await call(name, path, token)]).toEqual([path, 200]);
  });

  it("is refused without one, with one of another account, and with one for another function", async () => {
    const stranger = "stranger@netra-test.iam.gserviceaccount.com";
    const forOthers = NAMES.filter((other) => other !== name).map((other) =>
      issuer.token({ serviceAccountEmail: SCHEDULER, audience: audienceOf(other) }),
    );
    const tokens = [
      null,
      "",
      "a.b.c",
      await issuer.token({ serviceAccountEmail: stranger, audience: audienceOf(name) }),
      ...(await Promise.all(forOthers)),
    ];
    for (const path of JOBS[name]) {
      for (const token of tokens)
        expect([path, token, await call(name, path, token)]).toEqual([path, token, 401]);
    }
  });
});
