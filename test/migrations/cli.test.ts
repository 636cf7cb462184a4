import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { runMigrateCli } from "../../migrations/cli.ts";
import { openEmptyClickHouse, openEmptyPostgres } from "./empty-databases.ts";

type Env = Record<string, string>;

async function run(
  args: string[],
  env: Env,
  confirm: ((question: string) => Promise<boolean>) | null = null,
) {
  let out = "";
  let err = "";
  const code = await runMigrateCli(args, {
    env,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += stripVTControlCharacters(text);
    },
    confirm,
  });
  return { code, out, err };
}

async function openEnvironment(): Promise<Env> {
  const { databaseUrl } = await openEmptyPostgres();
  const { clickhouseUrl } = openEmptyClickHouse();
  return { NETRA_ADMIN_DATABASE_URL: databaseUrl, CLICKHOUSE_URL: clickhouseUrl };
}

const FIRST = /000001_tenancy/;

describe("npm run migrate", () => {
  it("up shows the plan, migrates both databases and has nothing to do the second time", async () => {
    const env = await openEnvironment();

    const first = await run(["up"], env);
    const second = await run(["up", "--json"], env);

    expect(first.code).toBe(0);
    expect(first.err.search(/up {2}000001_tenancy/)).toBeLessThan(
      first.err.search(/postgres 1\/\d+ up 000001_tenancy/),
    );
    expect(first.err).toContain("up  000001_executions");
    expect(first.out).toMatch(/postgres: \d+ applied, clickhouse: \d+ applied/);
    expect(JSON.parse(second.out)).toEqual({ direction: "up", applied: { postgres: [], clickhouse: [] } });
  });

  it("--only and --count limit what is done", async () => {
    const env = await openEnvironment();

    const result = await run(["up", "--only", "postgres", "--count", "1", "--json"], env);

    expect(JSON.parse(result.out)).toEqual({ direction: "up", applied: { postgres: ["000001_tenancy"] } });
  });

  it("status lists every migration without changing anything", async () => {
    const env = await openEnvironment();

    const { code, out } = await run(["status", "--json"], env);
    const text = await run(["status"], env);

    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      postgres: [
        { version: 1, name: "000001_tenancy", state: "pending" },
        {},
        {},
        {},
        {},
        {},
        {},
        {},
        {},
        {},
        {},
        {},
      ],
      clickhouse: [{ version: 1, name: "000001_executions", state: "pending" }, {}, {}, {}, {}, {}, {}, {}],
    });
    expect(text.out).toMatch(FIRST);
  });

  it("down changes nothing when nobody can be asked or the answer is no, and says how to go on", async () => {
    const env = await openEnvironment();
    await run(["up", "--only", "postgres"], env);

    const unasked = await run(["down", "--only", "postgres"], env);
    const refused = await run(["down", "--only", "postgres"], env, async () => false);

    expect(unasked).toMatchObject({ code: 2, err: expect.stringContaining("add --yes") });
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("Nothing was changed") });
    expect((await run(["status", "--json", "--only", "postgres"], env)).out).not.toContain("pending");
  });

  it("down takes one migration of each database back, once it is confirmed", async () => {
    const env = await openEnvironment();
    await run(["up"], env);

    const asked = await run(["down", "--json"], env, async () => true);
    const sure = await run(["down", "--yes", "--json"], env);

    for (const { code, out } of [asked, sure]) {
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({
        direction: "down",
        applied: { postgres: [expect.any(String)], clickhouse: [expect.any(String)] },
      });
    }
  });

  it("finds the addresses of the local stack in its data folder", async () => {
    const env = await openEnvironment();
    const folder = await mkdtemp(join(inject("testStack").folder, "data-"));
    await writeFile(
      join(folder, "connection.json"),
      JSON.stringify({
        adminDatabaseUrl: env["NETRA_ADMIN_DATABASE_URL"],
        clickhouseUrl: env["CLICKHOUSE_URL"],
      }),
    );

    const { code, out } = await run(["status"], { NETRA_DATA_DIR: folder });

    expect(code).toBe(0);
    expect(out).toMatch(FIRST);
  });

  it("never prints a password", async () => {
    const env = {
      NETRA_ADMIN_DATABASE_URL: "postgres://owner:hunter2@127.0.0.1:1/netra",
      CLICKHOUSE_URL: "http://default:hunter2@127.0.0.1:1/netra",
    };

    const results = await Promise.all([run(["up"], env), run(["status"], env), run(["dump"], env)]);

    for (const result of results) {
      expect(result.code).toBe(1);
      expect(result.err).toContain("127.0.0.1:1");
      expect(result.out + result.err).not.toContain("hunter2");
    }
  });

  it.each([
    ["no command", []],
    ["an unknown command", ["sideways"]],
    ["an unknown option", ["up", "--force"]],
    ["a count of nothing", ["up", "--count", "0"]],
    ["an unknown database", ["up", "--only", "mysql"]],
    ["create without a database", ["create", "budgets"]],
    ["words too many", ["up", "5"]],
  ])("with %s exits with 2 and points at the help", async (_what, args) => {
    const { code, err } = await run(args, {});

    expect(code).toBe(2);
    expect(err).toContain("--help");
  });

  it.each([
    ["no address", {}, "Set NETRA_ADMIN_DATABASE_URL, or run the local stack: npm start"],
    ["a bad address", { NETRA_ADMIN_DATABASE_URL: "nonsense" }, "NETRA_ADMIN_DATABASE_URL is not an address"],
    ["no ClickHouse address", { NETRA_ADMIN_DATABASE_URL: "postgres://127.0.0.1:1/x" }, "Set CLICKHOUSE_URL"],
  ])("with %s exits with 1 and says what to set", async (_what, env, said) => {
    const { code, err } = await run(["up"], { NETRA_DATA_DIR: "/nonexistent", ...env });

    expect(code).toBe(1);
    expect(err).toContain(said);
  });

  it("--help explains itself", async () => {
    const { code, out } = await run(["--help"], {});

    expect(code).toBe(0);
    expect(out).toContain("npm run migrate -- <command>");
  });
});
