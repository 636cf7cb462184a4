import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  findConnection,
  findLocalOrganization,
  getAdminDatabaseUrl,
  getConnection,
} from "../../client/connection.ts";
import { UsageError } from "../../client/exit-codes.ts";

const LOCAL = {
  url: "http://127.0.0.1:8080",
  apiKey: "ntr_local",
  organizationId: "11111111-2222-4333-8444-555555555555",
  adminDatabaseUrl: "postgres://owner@127.0.0.1/netra",
};
let folder: string;
let empty: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "netra-connection-"));
  empty = mkdtempSync(join(tmpdir(), "netra-connection-"));
  writeFileSync(join(folder, "connection.json"), JSON.stringify(LOCAL));
});
afterAll(() => {
  for (const path of [folder, empty]) rmSync(path, { recursive: true });
});

const local = (env: Record<string, string> = {}) => ({ env: { NETRA_DATA_DIR: folder, ...env }, cwd: "/" });

describe("the connection", () => {
  it("is that of the local server when nothing else is said", () => {
    expect(getConnection(local(), "ingest")).toEqual({
      url: "http://127.0.0.1:8080/ingest",
      apiKey: "ntr_local",
    });
    expect(getConnection(local(), "insights").url).toBe("http://127.0.0.1:8080/insights");
    expect(getAdminDatabaseUrl(local())).toBe(LOCAL.adminDatabaseUrl);
    expect(findLocalOrganization(local())).toBe(LOCAL.organizationId);
  });

  it("is what flags say, then the environment, then connection.json", () => {
    const env = { NETRA_URL: "https://a.example/netra/", NETRA_API_KEY: "ntr_env" };
    expect(getConnection(local(env), "ingest")).toEqual({
      url: "https://a.example/netra/ingest",
      apiKey: "ntr_env",
    });

    const separate = { ...env, NETRA_INGEST_URL: "https://ingest.example" };
    expect(getConnection(local(separate), "ingest").url).toBe("https://ingest.example");
    expect(getConnection(local(separate), "insights").url).toBe("https://a.example/netra/insights");

    const flags = { "ingest-url": "https://flag.example", "api-key": "ntr_flag" };
    expect(getConnection({ ...local(separate), flags }, "ingest")).toEqual({
      url: "https://flag.example",
      apiKey: "ntr_flag",
    });
  });

  it("never sends the local server's key to another address", () => {
    expect(() => getConnection(local({ NETRA_URL: "https://a.example" }), "ingest")).toThrow(/no API key/);
    expect(getConnection(local({ NETRA_URL: "http://127.0.0.1:8080" }), "ingest").apiKey).toBe("ntr_local");
  });

  it("never takes the local organization for one of another database", () => {
    expect(
      findLocalOrganization(local({ NETRA_ADMIN_DATABASE_URL: "postgres://elsewhere/netra" })),
    ).toBeNull();
  });

  it("says what to set when nothing is known", () => {
    const nothing = { env: { NETRA_DATA_DIR: empty }, cwd: "/" };

    expect(findConnection(nothing, "ingest")).toBeNull();
    expect(() => getConnection(nothing, "ingest")).toThrow(/NETRA_URL.*npm start/);
    expect(() => getAdminDatabaseUrl(nothing)).toThrow(/NETRA_ADMIN_DATABASE_URL.*npm start/);
    expect(() =>
      findConnection({ ...nothing, env: { ...nothing.env, NETRA_API_KEY: "ntr_a" } }, "ingest"),
    ).toThrow(/no address/);
  });

  it.each([
    ["NETRA_URL", "not an address"],
    ["NETRA_URL", "ftp://a.example"],
    ["NETRA_URL", "https://user:password@a.example"],
    ["NETRA_URL", "https://a.example?key=1"],
    ["NETRA_API_KEY", "ntr_a\r\nx-evil: 1"],
  ])("refuses %s = %j without repeating a password", (name, value) => {
    const env = { NETRA_URL: "https://a.example", NETRA_API_KEY: "ntr_a", [name]: value };
    const attempt = () => getConnection(local(env), "ingest");

    expect(attempt).toThrow(UsageError);
    expect(attempt).not.toThrow(/password|evil/);
  });
});
