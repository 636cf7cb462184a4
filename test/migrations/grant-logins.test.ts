import { randomBytes } from "node:crypto";
import { escapeIdentifier } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { runMigrateCli } from "../../migrations/cli.ts";
import { openEmptyPostgres } from "./empty-databases.ts";

async function up(databaseUrl: string, ...args: string[]): Promise<{ code: number; err: string }> {
  let err = "";
  const code = await runMigrateCli(["up", "--only", "postgres", ...args], {
    env: { NETRA_ADMIN_DATABASE_URL: databaseUrl },
    out: () => undefined,
    err: (text) => {
      err += text;
    },
    confirm: null,
  });
  return { code, err };
}

async function openWithLogin() {
  const postgres = await openEmptyPostgres();
  // A name as Google gives it, with what has to be quoted.
  const login = `netra-dev-ingest-${randomBytes(4).toString("hex")}@my-project.iam`;
  const admin = postgres.client;
  await admin.query(`create role ${escapeIdentifier(login)} login`);
  onTestFinished(async () => {
    await admin.query(`drop role ${escapeIdentifier(login)}`);
  });
  return { ...postgres, login };
}

describe("npm run migrate -- up --login", () => {
  it("lets a login work as a function, with the rights of jobs only when it asks for them", async () => {
    const { databaseUrl, client, login } = await openWithLogin();

    expect(await up(databaseUrl, "--login", login)).toMatchObject({ code: 0 });
    expect(await up(databaseUrl, "--login", login)).toMatchObject({
      code: 0,
      err: expect.stringContaining(`${login} may work as a function`),
    });

    const { rows } = await client.query(
      `select r.rolname as role, m.inherit_option, m.set_option
       from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles l on l.oid = m.member
       where l.rolname = $1 order by 1`,
      [login],
    );
    expect(rows).toEqual([
      { role: "netra_app", inherit_option: true, set_option: true },
      { role: "netra_system", inherit_option: false, set_option: true },
    ]);
    await client.query(`set role ${escapeIdentifier(login)}`);
    expect((await client.query("select from organizations")).rowCount).toBe(0);
    await client.query("reset role");
  });

  it("names every login that is not there, and gives none its rights", async () => {
    const { databaseUrl, rows, login } = await openWithLogin();

    const { code, err } = await up(databaseUrl, "--login", login, "--login", "nobody@my-project.iam");

    expect(code).toBe(1);
    expect(err).toContain("There is no login nobody@my-project.iam");
    expect(
      await rows(
        `select from pg_auth_members m join pg_roles l on l.oid = m.member where l.rolname = '${login}'`,
      ),
    ).toEqual([]);
  });

  it("refuses logins where nothing is migrated up", async () => {
    for (const args of [
      ["status", "--login", "a"],
      ["up", "--only", "clickhouse", "--login", "a"],
    ]) {
      let err = "";
      const code = await runMigrateCli(args, {
        env: {},
        out: () => undefined,
        err: (text) => {
          err += text;
        },
        confirm: null,
      });
      expect(code).toBe(2);
      expect(err).toContain("--login belongs to `up` of PostgreSQL");
    }
  });
});
