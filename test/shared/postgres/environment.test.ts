import { describe, expect, it } from "vitest";
import { readConfig } from "../../../functions/ingest/config.ts";
import { databaseOf } from "../../../shared/postgres/environment.ts";
import { createSecretSource } from "../../../shared/secret-source.ts";

const CLOUD_SQL = {
  INSTANCE_CONNECTION_NAME: "netra-test:europe-west1:ledger",
  DATABASE_USER: "ingest@netra-test.iam",
  CLICKHOUSE_URL: "http://127.0.0.1:1/x",
};
const secrets = createSecretSource({ env: {}, directory: undefined, log: () => undefined, now: Date.now });

function faultsOf(env: Record<string, string>): string {
  try {
    readConfig(env);
    return "";
  } catch (error) {
    return String(error);
  }
}

describe("the address of the database", () => {
  it("is the URL, or an instance of Cloud SQL reached privately with an IAM login", () => {
    const { INSTANCE_CONNECTION_NAME: _, DATABASE_USER: __, ...rest } = CLOUD_SQL;
    const url = "postgres://a:b@h/x";
    expect(databaseOf(readConfig({ ...rest, DATABASE_URL: url }), secrets)).toEqual({ databaseUrl: url });
    expect(databaseOf(readConfig(CLOUD_SQL), secrets)).toEqual({
      cloudSql: {
        connectionName: "netra-test:europe-west1:ledger",
        network: "PRIVATE",
        apiUrl: undefined,
        database: "netra",
        user: "ingest@netra-test.iam",
        password: null,
      },
    });
  });

  it("takes a reference to a password, and not a password", () => {
    const reference = "projects/p/secrets/s/versions/current";
    const address = databaseOf(readConfig({ ...CLOUD_SQL, DATABASE_PASSWORD_SECRET: reference }), secrets);
    expect(address).toMatchObject({ cloudSql: { password: { read: expect.any(Function) as unknown } } });
    const faults = faultsOf({ ...CLOUD_SQL, DATABASE_PASSWORD_SECRET: "hunter2" });
    expect(faults).toContain("DATABASE_PASSWORD_SECRET: must be file:NAME or projects/");
    expect(faults).not.toContain("hunter2");
  });

  it.each([
    ["nothing", {}, ["DATABASE_URL: is not set", "CLICKHOUSE_URL: is not set"]],
    ["both", { ...CLOUD_SQL, DATABASE_URL: "postgres://a:b@h/x" }, ["DATABASE_URL: cannot be set together"]],
    ["no login", { ...CLOUD_SQL, DATABASE_USER: "" }, ["DATABASE_USER: is needed"]],
    ["half a name", { ...CLOUD_SQL, INSTANCE_CONNECTION_NAME: "p:i" }, ["must be PROJECT:REGION:INSTANCE"]],
  ])("with %s is refused, with every fault at once", (_what, env, expected) => {
    const faults = faultsOf(env);
    for (const fault of expected) expect(faults).toContain(fault);
  });
});
