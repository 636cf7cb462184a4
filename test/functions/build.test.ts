import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { access, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createGithubSource } from "../bench/webhooks-source.ts";
import { type BuiltBundle, buildFunctions, startBuiltFunction } from "../helpers/built-functions.ts";
import { startCloudSql } from "../helpers/cloud-sql-server.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { firstAnswers } from "../helpers/first-answers.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { type FunctionProcess, startFunctionProcess } from "../helpers/function-process.ts";
import { startMetadataServer } from "../helpers/google-metadata.ts";
import { startSecretManager } from "../helpers/secret-manager-server.ts";
import { asOwner, createTenant, type Tenant } from "../helpers/tenant.ts";

const PROJECT = "netra-test";
const SECRET = randomBytes(24).toString("base64url");
const FUNCTIONS = (await readdir("functions", { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

let out: string;
let bundles: BuiltBundle[];
let databases: TestDatabases;
let tenant: Tenant;
let endpointId: string;

beforeAll(async () => {
  out = await mkdtemp(join(inject("testStack").folder, "build-"));
  bundles = await buildFunctions(out);
  databases = await createDatabases();
  tenant = await createTenant(databases.adminDatabaseUrl);
  endpointId = await asOwner(databases.adminDatabaseUrl, (sql) =>
    createGithubSource(sql, tenant.organizationId, "env:BUILD_TEST_SECRET"),
  );
}, 300_000);

afterAll(async () => {
  await databases.close();
  await rm(out, { recursive: true, force: true });
});

function start(
  target: string,
  { program = join(out, "start.js"), source = "" } = {},
): Promise<FunctionProcess> {
  const env = {
    ...(source === "" ? {} : { FUNCTION_SOURCE: source }),
    DATABASE_URL: databases.databaseUrl,
    CLICKHOUSE_URL: databases.clickhouseUrl,
    // Nobody listens there: what is not published is published later.
    PUBSUB_EMULATOR_HOST: "127.0.0.1:1",
    NETRA_CALLER_AUTH: "platform",
    BUILD_TEST_SECRET: SECRET,
  };
  return startFunctionProcess(target, env, { program });
}

describe("the build", () => {
  it.each(FUNCTIONS)("holds %s, which starts by itself, does its work and ends when told", async (target) => {
    const first = firstAnswers({ key: tenant.key, endpointId, secret: SECRET })[target];
    if (first === undefined) throw new Error(`add a request for ${target} to test/helpers/first-answers.ts`);
    const started = await start(target);
    try {
      const { method, path, headers, body } = first.request();
      const response = await fetch(`${started.url}${path}`, {
        method,
        headers,
        ...(body === "" ? {} : { body }),
      });
      expect(`${response.status} ${await response.text()}`).toMatch(/^20[02] /);
    } finally {
      expect(await started.end("SIGTERM")).toBe(0);
    }
  });

  it.each(FUNCTIONS)("holds %s for a framework of the platform's own as well", async (target) => {
    const framework = join(out, "node_modules/@google-cloud/functions-framework/build/src/main.js");
    const started = await start(target, { program: framework, source: join(out, target) });
    try {
      const response = await fetch(`${started.url}/none`);
      expect(`${response.status} ${response.headers.get("content-type")}`).toBe(
        "404 application/problem+json",
      );
    } finally {
      expect(await started.end("SIGTERM")).toBe(0);
    }
  });

  it("starts a function from its bundle and the framework's, whatever else is there or not", async () => {
    const folder = await mkdtemp(join(inject("testStack").folder, "build-alone-"));
    try {
      for (const name of ["start.js", "package.json", "framework", "health"])
        await cp(join(out, name), join(folder, name), { recursive: true });
      const started = await start("health", { program: join(folder, "start.js") });
      try {
        const response = await fetch(`${started.url}/live`);
        expect(response.status).toBe(200);
      } finally {
        await started.end("SIGTERM");
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("tells where an error comes from by the lines of the sources", async () => {
    const nowhere = new URL(databases.databaseUrl);
    nowhere.pathname = "/template1";
    const ingest = await startBuiltFunction(out, "ingest", {
      DATABASE_URL: nowhere.href,
      CLICKHOUSE_URL: databases.clickhouseUrl,
    });
    const headers = { authorization: `Bearer ${tenant.key}` };
    await fetch(`${ingest.url}/v1/executions`, { method: "POST", headers, body: "{}" });
    await ingest.end("SIGTERM");
    expect(ingest.output()).toMatch(/findApiKey \((\w+\/)*shared\/postgres\/api-keys\.ts:\d+:\d+\)/);
  });

  it("leaves a folder alone that no build has made", async () => {
    const folder = await mkdtemp(join(inject("testStack").folder, "build-mine-"));
    try {
      await writeFile(join(folder, "mine.txt"), "");
      await expect(buildFunctions(folder)).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining("is not empty") as unknown,
      });
      expect(await readdir(folder)).toEqual(["mine.txt"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("keeps what only fails: a path that cannot be decoded is ours to answer, not the framework's", async () => {
    const started = await start("health");
    try {
      const response = await fetch(`${started.url}/%E0%A4%A`);
      expect(response.status).toBe(404);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
    } finally {
      await started.end("SIGTERM");
    }
  });

  it("reaches Cloud SQL and both passwords in Secret Manager with Google's clients", async () => {
    await using stack = new AsyncDisposableStack();
    const metadata = await startMetadataServer({ projectId: PROJECT, email: "ingest@netra-test.test" });
    stack.defer(metadata.close);
    const postgres = new URL(databases.databaseUrl);
    const cloudSql = await startCloudSql({
      connectionName: `${PROJECT}:europe-west1:ledger`,
      host: "127.0.0.3",
      postgresPort: Number(postgres.port),
      accountOf: metadata.accountOf,
    });
    stack.defer(cloudSql.close);
    const secretManager = await startSecretManager({ projectId: PROJECT, accountOf: metadata.accountOf });
    stack.defer(secretManager.close);
    const clickhouse = new URL(databases.clickhouseUrl);
    secretManager.add("postgres-password", decodeURIComponent(postgres.password));
    secretManager.add("clickhouse-password", decodeURIComponent(clickhouse.password));
    clickhouse.password = "";
    const ingest = await startBuiltFunction(out, "ingest", {
      ...metadata.env,
      INSTANCE_CONNECTION_NAME: `${PROJECT}:europe-west1:ledger`,
      DATABASE_NAME: postgres.pathname.slice(1),
      DATABASE_USER: decodeURIComponent(postgres.username),
      DATABASE_PASSWORD_SECRET: `projects/${PROJECT}/secrets/postgres-password/versions/latest`,
      CLICKHOUSE_URL: clickhouse.href,
      CLICKHOUSE_PASSWORD_SECRET: `projects/${PROJECT}/secrets/clickhouse-password/versions/latest`,
      NETRA_CLOUD_SQL_API_URL: cloudSql.apiUrl,
      NETRA_SECRET_MANAGER_URL: secretManager.url,
    });
    stack.defer(async () => void (await ingest.end("SIGKILL")));
    const headers = { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" };
    const stored = await fetch(`${ingest.url}/v1/executions`, {
      method: "POST",
      headers,
      body: JSON.stringify(makeExecution()),
    });
    expect(await stored.json()).toMatchObject({ accepted: 1 });
    const relayed = await fetch(`${ingest.url}/v1/relay`, { method: "POST", headers });
    expect(`${relayed.status} ${await relayed.text()}`).toMatch(/^200 /);
    expect(cloudSql.proxy.users).not.toEqual([]);
    expect([...new Set(secretManager.requests)].sort()).toEqual([
      "clickhouse-password/latest",
      "postgres-password/latest",
    ]);
    expect(await ingest.end("SIGTERM")).toBe(0);
  });

  it("holds the program that migrates, with its SQL", async () => {
    const folder = join(out, "migrations");
    expect((await readdir(join(folder, "postgres"))).sort()).toEqual(
      (await readdir("migrations/postgres")).sort(),
    );
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "cli.js"), "status"], {
      env: { NETRA_ADMIN_DATABASE_URL: databases.adminDatabaseUrl, CLICKHOUSE_URL: databases.clickhouseUrl },
    });
    expect(stdout).toContain("000001");
  });

  it("loads nothing of gRPC, Secret Manager or the Cloud SQL connector at the start", async () => {
    for (const { name, packages } of bundles.filter((one) => one.name !== "migrations")) {
      const code = await readFile(join(out, name, "index.mjs"), "utf8");
      expect(code).not.toMatch(/^import[^;]*"@google-cloud\/(secret-manager|cloud-sql-connector)"/m);
      expect(code).not.toContain("@grpc/grpc-js");
      const { dependencies } = JSON.parse(await readFile(join(out, name, "package.json"), "utf8")) as {
        dependencies: Record<string, string>;
      };
      expect(Object.keys(dependencies)).toEqual(packages);
      for (const dependency of packages) await access(join(out, "node_modules", dependency));
    }
  });

  it("maps each bundle to its sources", async () => {
    for (const name of FUNCTIONS) {
      const map = JSON.parse(await readFile(join(out, name, "index.mjs.map"), "utf8")) as {
        sources: string[];
      };
      expect(map.sources.some((source) => source.endsWith(`functions/${name}/handler.ts`))).toBe(true);
      expect(map.sources.every((source) => !source.includes("/test/") && !source.includes("/local/"))).toBe(
        true,
      );
      // Of a library only what is used: all of zod would be three times as much, with fifty languages.
      expect(map.sources.filter((source) => source.includes("/locales/"))).toEqual([
        expect.stringMatching(/\/zod\/v4\/locales\/en\.js$/) as unknown,
      ]);
    }
  });

  it("tells exactly what it is made of: what is installed and what went into a bundle, the same each time", async () => {
    const bom = JSON.parse(await readFile(join(out, "sbom.cdx.json"), "utf8")) as {
      bomFormat: string;
      metadata: { component: { name: string } };
      components: { name: string; version: string }[];
    };
    expect(bom.bomFormat).toBe("CycloneDX");
    expect(bom.metadata.component.name).toBe("netra");
    expect(bom.metadata).not.toHaveProperty("timestamp");
    expect(bom).not.toHaveProperty("serialNumber");
    const names = new Set(bom.components.map(({ name }) => name));
    expect([...names].sort()).toEqual(
      [...new Set([...(await listInstalled()), ...(await listMapped())])].sort(),
    );
    expect([...names]).toEqual(expect.arrayContaining(["pg", "zod", "minimatch", "google-gax"]));
    expect(names).not.toContain("vitest");
  });
});

const PACKAGE = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/;

async function listInstalled(): Promise<string[]> {
  const text = await readFile(join(out, "node_modules/.package-lock.json"), "utf8");
  const { packages } = JSON.parse(text) as { packages: Record<string, unknown> };
  return Object.keys(packages).flatMap((folder) => PACKAGE.exec(folder)?.[1] ?? []);
}

async function listMapped(): Promise<string[]> {
  const files = await readdir(out, { recursive: true });
  const maps = files.filter((file) => file.endsWith(".map") && !file.startsWith("node_modules"));
  const sources = await Promise.all(
    maps.map(async (file) => {
      const map = JSON.parse(await readFile(join(out, file), "utf8")) as { sources: string[] };
      return map.sources;
    }),
  );
  return sources.flat().flatMap((source) => PACKAGE.exec(source)?.[1] ?? []);
}
