import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CommandIo } from "../../client/command.ts";
import { main } from "../../client/netra.ts";
import { createDatabases } from "../helpers/databases.ts";
import { startHealth } from "../helpers/health.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

const folder = mkdtempSync(join(tmpdir(), "netra-health-"));
let server: Server;
let url: string;
/** What the server answers, by path. */
let answers: Record<string, { status: number; body: unknown }> = {};

beforeAll(async () => {
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ""] ?? { status: 404, body: {} };
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  answers = {};
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

async function netra(argv: string[], env: Record<string, string> = {}) {
  const text = { out: "", err: "" };
  const io: CommandIo = {
    env: { NETRA_DATA_DIR: folder, NETRA_HEALTH_URL: url, NETRA_API_KEY: `ntr_${"0".repeat(43)}`, ...env },
    cwd: folder,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    outIsTerminal: false,
    errIsTerminal: false,
    out: (more) => (text.out += more),
    err: (more) => (text.err += more),
    style: (_stream, format, plain) => `<${String(format)}>${plain}</>`,
  };
  return { code: await main(["health", ...argv], io), ...text };
}

const check = (name: string, status: string, next_step: string | null = null) => ({
  name,
  status,
  value: 1,
  threshold: { warning: 1, critical: 2, worse: "above" },
  unit: "s",
  age_seconds: null,
  message: `${name} is ${status}.`,
  next_step,
});
const report = (status: string, checks: unknown[], alerts: unknown = []) => ({
  status: 200,
  body: { status, checked_at: "2026-11-20T12:00:00.000Z", duration_ms: 9, counts: {}, checks, alerts },
});

describe("netra health", () => {
  it("shows the worst first, coloured, with what to do and what is open, and ends with 1", async () => {
    answers["/v1/health"] = report(
      "critical",
      [check("one", "ok"), check("two", "warning", "Do that."), check("three", "critical", "Do this.")],
      [
        {
          rule: "r",
          subject: "three",
          severity: "critical",
          message: "m",
          opened_at: "2026-11-20T11:00:00.000Z",
        },
      ],
    );
    const { code, out } = await netra([]);
    expect(code).toBe(1);
    const at = (text: string): number => {
      expect(out).toContain(text);
      return out.indexOf(text);
    };
    expect(at("<red>critical</>  three")).toBeLessThan(at("→ Do this."));
    expect(at("→ Do this.")).toBeLessThan(at("two    two is warning."));
    expect(at("→ Do that.")).toBeLessThan(at("one    one is ok."));
    expect(out).toContain("1 open alerts:");
    expect(out).toContain("r (three) since 2026-11-20T11:00:00.000Z");
  });

  it.each([
    ["ok", 0],
    ["warning", 0],
    ["unknown", 0],
    ["critical", 1],
  ])("ends for %s with %i, and prints all of it as JSON", async (status, code) => {
    answers["/v1/health"] = report(status, [check("one", status)]);
    const result = await netra(["--json"]);
    expect(result.code).toBe(code);
    expect(JSON.parse(result.out)).toEqual(answers["/v1/health"].body);
  });

  it("does not let what a server says steer the terminal", async () => {
    answers["/v1/health"] = report("warning", [check("one", "warning", "\u001B[2Jgone\u0007")]);
    const { out } = await netra([]);
    for (const steering of ["\u001B", "\u0007"]) expect(out).not.toContain(steering);
  });

  it("says which store is away when the server cannot even check the key", async () => {
    answers["/v1/health"] = { status: 503, body: { detail: "the ledger does not answer" } };
    answers["/ready"] = {
      status: 503,
      body: { status: "not_ready", postgres: "no_answer", clickhouse: "ok" },
    };
    const { code, out, err } = await netra([]);
    expect([code, out]).toEqual([1, "PostgreSQL: no_answer\nClickHouse: ok\n"]);
    expect(err).toContain("the ledger does not answer");
  });

  it("says that there is no such server, with 3", async () => {
    const { code, err } = await netra([], { NETRA_HEALTH_URL: "http://127.0.0.1:9" });
    expect([code, err]).toEqual([3, expect.stringContaining("127.0.0.1:9 does not answer")]);
    answers["/v1/health"] = { status: 200, body: { hello: "world" } };
    expect((await netra([])).code).toBe(1);
  });

  it.each([[["bogus"]], [["alerts"]], [["alerts", "maybe"]], [["--no-such"]]])(
    "refuses %o with 2",
    async (argv) => {
      expect((await netra(argv)).code).toBe(2);
    },
  );

  it("reads the real function, and says whose subscriptions hear of alerts", async () => {
    const databases = await createDatabases();
    const tenant = await createTenant(databases.adminDatabaseUrl);
    const health = await startHealth({ databases, tenant });
    try {
      const env = { NETRA_HEALTH_URL: health.url, NETRA_API_KEY: tenant.key };
      const shown = await netra([], env);
      expect([shown.code, shown.err]).toEqual([0, ""]);
      expect(shown.out).toContain("postgres_connection");
      const admin = { NETRA_ADMIN_DATABASE_URL: databases.adminDatabaseUrl };
      const recipients = async (): Promise<number> =>
        asOwner(
          databases.adminDatabaseUrl,
          async (sql) => (await sql.query("select from alert_recipients")).rows.length,
        );
      expect((await netra(["alerts", "on"], admin)).out).toBe("Alerts are on.\n");
      expect((await netra(["alerts", "on"], admin)).out).toBe("Alerts are on, as they were.\n");
      expect(await recipients()).toBe(1);
      expect((await netra(["alerts", "off", "--organization", tenant.organizationId], admin)).code).toBe(0);
      expect(await recipients()).toBe(0);
    } finally {
      await health.close();
      await databases.close();
    }
  });
});
