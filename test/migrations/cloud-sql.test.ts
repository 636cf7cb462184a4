import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { Client, escapeIdentifier } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CloudSqlServer, startCloudSql } from "../helpers/cloud-sql-server.ts";
import { type OwnPostgres, startOwnPostgres } from "../helpers/embedded-servers.ts";
import { type MetadataServer, startMetadataServer } from "../helpers/google-metadata.ts";
import { type SecretManagerServer, startSecretManager } from "../helpers/secret-manager-server.ts";
import { openEmptyClickHouse } from "./empty-databases.ts";

/** What this file guards: the program that migrates reaches a private Cloud SQL as the functions do, and says why it cannot. */
const PROJECT = "netra-test";
const CONNECTION_NAME = `${PROJECT}:europe-west1:ledger`;
const IAM_USER = "migrate@netra-test.iam";
const OWNER = "ledger_owner";
const PASSWORD = "first of two-passwords";
const SECRET = `projects/${PROJECT}/secrets/owner-password/versions/latest`;

let postgres: OwnPostgres;
let metadata: MetadataServer;
let cloudSql: CloudSqlServer;
let secretManager: SecretManagerServer;
let admin: Client;

beforeAll(async () => {
  postgres = await startOwnPostgres();
  metadata = await startMetadataServer({ projectId: PROJECT, email: `${IAM_USER}.gserviceaccount.com` });
  cloudSql = await startCloudSql({
    connectionName: CONNECTION_NAME,
    host: "127.0.0.11",
    postgresPort: Number(new URL(postgres.adminDatabaseUrl).port),
    accountOf: metadata.accountOf,
  });
  secretManager = await startSecretManager({ projectId: PROJECT, accountOf: metadata.accountOf });
  admin = new Client({ connectionString: postgres.adminDatabaseUrl });
  await admin.connect();
  for (const login of [IAM_USER, OWNER]) {
    await admin.query(`create role ${escapeIdentifier(login)} login superuser password '${PASSWORD}'`);
    await admin.query(`create database ${escapeIdentifier(`of ${login}`)} owner ${escapeIdentifier(login)}`);
  }
  // What Cloud SQL's proxy has proved by the certificate, its PostgreSQL takes as it is.
  const { rows } = await admin.query<{ hba_file: string }>("show hba_file");
  const file = rows[0]?.hba_file ?? "";
  await writeFile(file, `host all "${IAM_USER}" 127.0.0.1/32 trust\n${await readFile(file, "utf8")}`);
  await admin.query("select pg_reload_conf()");
});

afterAll(async () => {
  await admin.end();
  await secretManager.close();
  await cloudSql.close();
  await metadata.close();
  await postgres.close();
});

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs the program as the job does; a connector that is left open would keep it from ending. */
async function migrate(args: string[], env: Record<string, string>): Promise<Ended> {
  const settings = {
    ...metadata.env,
    INSTANCE_CONNECTION_NAME: CONNECTION_NAME,
    NETRA_CLOUD_SQL_API_URL: cloudSql.apiUrl,
    NETRA_SECRET_MANAGER_URL: secretManager.url,
    // The functions' own address says nothing to it.
    DATABASE_URL: "postgres://nobody@127.0.0.1:1/none",
    ...env,
  };
  try {
    const argv = ["migrations/cli.ts", ...args];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, { env: settings });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

describe("npm run migrate on Cloud SQL", () => {
  it("migrates both databases with an IAM login, lets a function's login work, and finds nothing to do again", async () => {
    const env = {
      DATABASE_USER: `${IAM_USER}.gserviceaccount.com`,
      DATABASE_NAME: `of ${IAM_USER}`,
      CLICKHOUSE_URL: openEmptyClickHouse().clickhouseUrl,
    };
    const first = await migrate(["up", "--json", "--login", OWNER], env);
    expect(first).toMatchObject({
      code: 0,
      err: expect.stringContaining(`of ${IAM_USER} at ${CONNECTION_NAME}`) as unknown,
    });
    const { applied } = JSON.parse(first.out) as { applied: { postgres: string[]; clickhouse: string[] } };
    expect(applied.postgres[0]).toBe("000001_tenancy");
    expect(applied.clickhouse[0]).toBe("000001_executions");
    expect(new Set(cloudSql.proxy.users)).toEqual(new Set([IAM_USER]));
    const again = await migrate(["up", "--json"], env);
    expect(JSON.parse(again.out)).toEqual({ direction: "up", applied: { postgres: [], clickhouse: [] } });
    const { rows } = await admin.query(`select pg_has_role('${OWNER}', 'netra_app', 'member') as may`);
    expect(rows).toEqual([{ may: true }]);
  });

  it("takes the password from Secret Manager, and tells a wrong one without saying it", async () => {
    const env = { DATABASE_USER: OWNER, DATABASE_NAME: `of ${OWNER}`, DATABASE_PASSWORD_SECRET: SECRET };
    secretManager.add("owner-password", "not of two-passwords");
    const refused = await migrate(["status", "--only", "postgres"], env);
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        new RegExp(`Cloud SQL ${CONNECTION_NAME} did not accept.*SQLSTATE 28P01`),
      ) as unknown,
    });
    expect(refused.out + refused.err).not.toContain("two-passwords");
    secretManager.add("owner-password", PASSWORD);
    const done = await migrate(["status", "--only", "postgres", "--json"], env);
    expect(done.code).toBe(0);
    const { postgres: listed } = JSON.parse(done.out) as { postgres: { name: string; state: string }[] };
    expect(listed[0]).toMatchObject({ name: "000001_tenancy", state: "pending" });
  });

  it("says what is missing where the account may not connect, or the variables are not whole", async () => {
    const whole = { DATABASE_USER: OWNER, DATABASE_PASSWORD_SECRET: SECRET };
    cloudSql.setFault(403);
    const forbidden = await migrate(["status", "--only", "postgres"], whole);
    cloudSql.setFault(null);
    const both = { ...whole, NETRA_ADMIN_DATABASE_URL: postgres.adminDatabaseUrl };
    const ends: [Ended, RegExp][] = [
      [forbidden, /did not accept the connection.*roles\/cloudsql\.client/],
      [
        await migrate(["up"], { DATABASE_PASSWORD_SECRET: "hunter2" }),
        /DATABASE_PASSWORD_SECRET: must be[^]*DATABASE_USER: is needed/,
      ],
      [await migrate(["up"], both), /both set/],
      [await migrate(["up"], { ...whole, INSTANCE_CONNECTION_NAME: "ledger" }), /PROJECT:REGION:INSTANCE/],
      [await migrate(["dump"], whole), /made for it/],
    ];
    for (const [{ code, out, err }, said] of ends) {
      expect(code).toBe(1);
      expect(err).toMatch(said);
      expect(out + err).not.toContain("hunter2");
    }
  });
});
