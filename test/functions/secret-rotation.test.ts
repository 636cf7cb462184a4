import { randomBytes } from "node:crypto";
import { Client, escapeIdentifier } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { grantLogins } from "../../migrations/grant-logins.ts";
import { insertEventSource, insertSourceSecret } from "../../shared/postgres/event-sources.ts";
import { type CloudSqlServer, startCloudSql } from "../helpers/cloud-sql-server.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { type MetadataServer, startMetadataServer } from "../helpers/google-metadata.ts";
import { type Ingest, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { type SecretManagerServer, startSecretManager } from "../helpers/secret-manager-server.ts";
import { listLedger } from "../helpers/stored.ts";
import { asOwner } from "../helpers/tenant.ts";
import { deliver, signGithub, startWebhooks, type Webhooks } from "../helpers/webhooks.ts";

/** What this file guards: a secret is changed while a function is at work, without a deployment and without a loss. */
const PROJECT = "netra-test";
const CONNECTION_NAME = `${PROJECT}:europe-west1:ledger`;

let metadata: MetadataServer;
let secretManager: SecretManagerServer;
let databases: TestDatabases;

beforeAll(async () => {
  metadata = await startMetadataServer({
    projectId: PROJECT,
    email: `run@${PROJECT}.iam.gserviceaccount.com`,
  });
  for (const [name, value] of Object.entries(metadata.env)) vi.stubEnv(name, value);
  databases = await createDatabases();
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await databases.close();
  await metadata.close();
});

beforeEach(async () => {
  secretManager = await startSecretManager({ projectId: PROJECT, accountOf: metadata.accountOf });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});

afterEach(async () => {
  vi.useRealTimers();
  await secretManager.close();
});

function referenceOf(secret: string, version = "latest"): string {
  return `projects/${PROJECT}/secrets/${secret}/versions/${version}`;
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

describe("the database's password and ClickHouse's, in the intake", () => {
  const login = `rotated_${randomBytes(4).toString("hex")}`;
  let cloudSql: CloudSqlServer;
  let ingest: Ingest;

  async function setPassword(password: string): Promise<void> {
    const admin = new Client({ connectionString: databases.adminDatabaseUrl });
    await admin.connect();
    await admin.query(`alter role ${escapeIdentifier(login)} password '${password}'`);
    await admin.end();
  }

  beforeAll(async () => {
    await asOwner(databases.adminDatabaseUrl, (sql) =>
      sql.query(`create role ${escapeIdentifier(login)} login password 'first'`),
    );
    await grantLogins({ databaseUrl: databases.adminDatabaseUrl }, [login]);
    cloudSql = await startCloudSql({
      connectionName: CONNECTION_NAME,
      host: "127.0.0.12",
      postgresPort: Number(new URL(databases.adminDatabaseUrl).port),
      accountOf: metadata.accountOf,
    });
  });
  afterAll(async () => {
    await cloudSql.close();
    await asOwner(databases.adminDatabaseUrl, (sql) =>
      sql.query(`drop owned by ${escapeIdentifier(login)}; drop role ${escapeIdentifier(login)}`),
    );
  });

  beforeEach(async () => {
    const clickhouse = new URL(databases.clickhouseUrl);
    secretManager.add("clickhouse", decodeURIComponent(clickhouse.password));
    secretManager.add("ledger", "first");
    await setPassword("first");
    clickhouse.password = "";
    ingest = await startIngest({
      databases,
      env: {
        DATABASE_URL: "",
        INSTANCE_CONNECTION_NAME: CONNECTION_NAME,
        DATABASE_NAME: new URL(databases.databaseUrl).pathname.slice(1),
        DATABASE_USER: login,
        DATABASE_PASSWORD_SECRET: referenceOf("ledger"),
        NETRA_CLOUD_SQL_API_URL: cloudSql.apiUrl,
        CLICKHOUSE_URL: clickhouse.href,
        CLICKHOUSE_PASSWORD_SECRET: referenceOf("clickhouse"),
        NETRA_SECRET_MANAGER_URL: secretManager.url,
      },
    });
  });
  afterEach(() => ingest.close());

  it("is changed under load: what is told to come again comes again, and everything is stored once", async () => {
    const before = (await listLedger(databases.adminDatabaseUrl)).length;
    let stored = 0;
    const over = new AbortController();
    const statuses = new Set<number>();
    const send = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const execution = makeExecution();
        for (let status = 0; status !== 200;) {
          ({ status } = await ingest.post({ executions: [execution] }));
          statuses.add(status);
        }
        stored += 1;
      }
    };
    const senders = Array.from({ length: 8 }, () => send());
    const passMore = async (): Promise<void> => {
      const from = stored;
      await vi.waitFor(() => expect(stored).toBeGreaterThan(from + 40), { timeout: 30_000 });
    };
    await passMore();
    secretManager.add("ledger", "second");
    await setPassword("second");
    await passMore();
    pass(10_000);
    // Every connection has to log in again.
    cloudSql.proxy.drop();
    await passMore();
    over.abort();
    await Promise.all(senders);
    expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect((await listLedger(databases.adminDatabaseUrl)).length - before).toBe(stored);
    expect(secretManager.requests.filter((name) => name === "ledger/latest")).toHaveLength(2);
    expect(ingest.logLines.join("")).not.toMatch(/"(first|second)"/);
  });

  it("that was wrong for ClickHouse is right with the next call but one, and nothing is lost meanwhile", async () => {
    secretManager.add("clickhouse", "wrong");
    const relay = (): Promise<Response> =>
      fetch(`${ingest.url}/v1/relay`, {
        method: "POST",
        headers: { authorization: `Bearer ${ingest.tenant.key}` },
      });
    expect((await ingest.post({ executions: [makeExecution()] })).status).toBe(200);
    expect((await relay()).status).toBe(503);
    secretManager.add("clickhouse", decodeURIComponent(new URL(databases.clickhouseUrl).password));
    pass(10_000);
    // Rows that are under way cannot be sent again in the same call.
    expect((await relay()).status).toBe(503);
    expect((await relay()).status).toBe(200);
  });
});

describe("a sender's secret, in webhooks", () => {
  let webhooks: Webhooks;
  let sourceId: string;
  let url: string;

  beforeEach(async () => {
    webhooks = await startWebhooks({
      databases,
      env: { NETRA_SECRET_MANAGER_URL: secretManager.url },
      now: Date.now,
    });
    onTestFinished(() => webhooks.close());
    const endpointId = randomBytes(18).toString("base64url");
    sourceId = await asOwner(databases.adminDatabaseUrl, (sql) =>
      insertEventSource(sql, {
        organizationId: webhooks.tenant.organizationId,
        kind: "github",
        endpointId,
        name: endpointId,
        config: {},
      }),
    );
    url = `${webhooks.url}/github/${endpointId}`;
  });

  function addSecret(reference: string): Promise<unknown> {
    return asOwner(databases.adminDatabaseUrl, (sql) =>
      insertSourceSecret(sql, webhooks.tenant.organizationId, sourceId, reference),
    );
  }

  async function send(secret: string): Promise<number> {
    const body = JSON.stringify({ n: randomBytes(8).toString("hex") });
    return (await deliver(url, body, signGithub(secret, body))).status;
  }

  function sendMany(secret: string, count: number): Promise<Set<number>> {
    return Promise.all(Array.from({ length: count }, () => send(secret))).then((all) => new Set(all));
  }

  it("is one version after another: both hold until the old one is taken back", async () => {
    secretManager.add("hook", "old");
    await addSecret(referenceOf("hook", "1"));
    expect(await sendMany("old", 20)).toEqual(new Set([200]));
    secretManager.add("hook", "new");
    await addSecret(referenceOf("hook", "2"));
    pass(10_000);
    const [olds, news] = await Promise.all([sendMany("old", 20), sendMany("new", 20)]);
    expect([olds, news]).toEqual([new Set([200]), new Set([200])]);
    secretManager.setState("hook", 1, "DESTROYED");
    pass(6 * 60_000);
    // The sender is asked to come again: nobody knows by which of both it signs.
    expect(await sendMany("old", 5)).toEqual(new Set([503]));
    expect(await sendMany("new", 20)).toEqual(new Set([200]));
    expect(secretManager.requests.length).toBeLessThan(15);
  });

  it("is an alias that moves: the new one works with its first delivery, and the old one ends", async () => {
    secretManager.add("hook", "old");
    secretManager.add("hook", "new");
    secretManager.setAlias("hook", "current", 1);
    await addSecret(referenceOf("hook", "current"));
    expect(await sendMany("old", 20)).toEqual(new Set([200]));
    secretManager.setAlias("hook", "current", 2);
    pass(10_000);
    expect(await sendMany("new", 20)).toEqual(new Set([200]));
    expect(await sendMany("old", 5)).toEqual(new Set([401]));
  });

  it("is read beside the others of its source, for the sender waits for all of them", async () => {
    secretManager.add("hook", "old");
    secretManager.add("hook", "new");
    await addSecret(referenceOf("hook", "1"));
    await addSecret(referenceOf("hook", "2"));
    secretManager.setFault(503);
    expect(await send("old")).toBe(503);
    expect(secretManager.requests.slice(0, 2).sort()).toEqual(["hook/1", "hook/2"]);
  });

  it("goes on as it was while Secret Manager is away, for everybody and with one alarm", async () => {
    secretManager.add("hook", "old");
    await addSecret(referenceOf("hook"));
    expect(await send("old")).toBe(200);
    secretManager.setFault("hang");
    pass(6 * 60_000);
    expect(await sendMany("old", 50)).toEqual(new Set([200]));
    const alarms = webhooks.logLines.join("").match(/its last value goes on/g);
    expect(alarms).toHaveLength(1);
  });
});
