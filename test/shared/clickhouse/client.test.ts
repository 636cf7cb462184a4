import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest";
import {
  type ClickHouse,
  type ClickHouseOptions,
  createClickHouse,
} from "../../../shared/clickhouse/client.ts";
import type { SecretHandle } from "../../../shared/secret-source.ts";
import { createAuthority } from "../../helpers/certificate-authority.ts";
import { startTlsFront, type TlsFront } from "../../helpers/tls-front.ts";

/** What this file guards: the client as it is used in the cloud, over TCP and TLS, with a password that changes. */
let directory: string;
let caFile: string;
let certificate: { cert: string; key: string };
let front: TlsFront;
let clients: ClickHouse[];

beforeAll(async () => {
  directory = await mkdtemp(join(inject("testStack").folder, "clickhouse-tls-"));
  const authority = await createAuthority();
  caFile = join(directory, "ca.pem");
  await writeFile(caFile, authority.cert);
  certificate = await authority.issueServer("localhost", "127.0.0.1");
});

afterAll(() => rm(directory, { recursive: true, force: true }));

beforeEach(async () => {
  clients = [];
  const { hostname, port } = new URL(inject("testStack").clickhouseUrl);
  front = await startTlsFront({ ...certificate, host: hostname, port: Number(port) });
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await front.close();
});

function open(options: Partial<ClickHouseOptions> & { withoutPassword?: boolean } = {}): ClickHouse {
  const { withoutPassword = false, ...rest } = options;
  const url = new URL(inject("testStack").clickhouseUrl);
  url.protocol = "https:";
  url.host = `127.0.0.1:${front.port}`;
  if (withoutPassword) url.password = "";
  const client = createClickHouse({ url: url.href, caFile, ...rest });
  clients.push(client);
  return client;
}

function serverPassword(): string {
  return decodeURIComponent(new URL(inject("testStack").clickhouseUrl).password);
}

async function sum(client: ClickHouse): Promise<unknown> {
  const result = await client.query({
    query: "select sum(number) as s from numbers(10)",
    format: "JSONEachRow",
  });
  return result.json();
}

describe("ClickHouse over TLS", () => {
  it("is asked and told over a connection that its own authority has signed for", async () => {
    const client = open();
    const table = `tls_${randomUUID().replaceAll("-", "")}`;
    await client.command({
      query: `create table ${table} (id UInt32, text String) engine = MergeTree order by id`,
    });
    try {
      await client.insert({ table, values: [{ id: 1, text: "one" }], format: "JSONEachRow" });
      const result = await client.query({ query: `select * from ${table}`, format: "JSONEachRow" });
      expect(await result.json()).toEqual([{ id: 1, text: "one" }]);
    } finally {
      await client.command({ query: `drop table ${table}` });
    }
  });

  it("is not trusted without that authority, and told no password then", async () => {
    const client = open({ caFile: undefined });
    await expect(sum(client)).rejects.toThrow(/certificate|self-signed|unable to verify/);
    expect(front.receivedBytes()).toBe(0);
  });

  it("says which file is missing at the start, not at the first request", () => {
    expect(() => open({ caFile: join(directory, "none.pem") })).toThrow("none.pem");
  });

  it("keeps a connection for the next request, and finds a new one when the server has cut it", async () => {
    const client = open();
    for (let count = 0; count < 5; count += 1) expect(await sum(client)).toEqual([{ s: "45" }]);
    expect(front.connections()).toBe(1);
    front.drop();
    await vi.waitFor(async () => expect(await sum(client)).toEqual([{ s: "45" }]));
    expect(front.connections()).toBeGreaterThan(1);
  });

  it("gives up a request that is not answered in its time, and only that one", async () => {
    const client = open({ requestTimeoutMs: 300 });
    await sum(client);
    front.setStalled(true);
    await expect(sum(client)).rejects.toThrow(/[Tt]imeout/);
    front.setStalled(false);
    expect(await sum(client)).toEqual([{ s: "45" }]);
  });

  it("sends and takes compressed bodies", async () => {
    const client = open({ compress: true });
    const table = `gzip_${randomUUID().replaceAll("-", "")}`;
    await client.command({ query: `create table ${table} (text String) engine = MergeTree order by text` });
    try {
      const before = front.receivedBytes();
      const text = randomBytes(16).toString("hex");
      const values = Array.from({ length: 20_000 }, () => ({ text }));
      await client.insert({ table, values, format: "JSONEachRow" });
      expect(front.receivedBytes() - before).toBeLessThan(values.length * text.length * 0.2);
      const result = await client.query({
        query: `select count() as n from ${table}`,
        format: "JSONEachRow",
      });
      expect(await result.json()).toEqual([{ n: "20000" }]);
    } finally {
      await client.command({ query: `drop table ${table}` });
    }
  });
});

/** Gives the wrong password until it is told that it did not work. */
function rotated(): SecretHandle & { forgotten: number } {
  const handle = {
    forgotten: 0,
    read: async () => (handle.forgotten === 0 ? "the old one" : serverPassword()),
    forget: () => void (handle.forgotten += 1),
  };
  return handle;
}

describe("ClickHouse with a password from a secret", () => {
  it("is asked again with the new password when the old one is refused, in the same call", async () => {
    const password = rotated();
    const client = open({ withoutPassword: true, password });
    expect(await sum(client)).toEqual([{ s: "45" }]);
    await client.command({ query: "select 1" });
    expect(password.forgotten).toBe(1);
  });

  it("refuses an insert once, for its rows cannot be sent twice, and takes it when it comes again", async () => {
    const client = open({ withoutPassword: true, password: rotated() });
    const insert = (): Promise<unknown> =>
      client.insert({
        table: "function null('number UInt64')",
        values: [{ number: 1 }],
        format: "JSONEachRow",
      });
    await expect(insert()).rejects.toMatchObject({ code: "516" });
    await insert();
  });

  it("is refused with a wrong password after one further try", async () => {
    let forgotten = 0;
    const password = { read: async () => "wrong", forget: () => void (forgotten += 1) };
    await expect(sum(open({ withoutPassword: true, password }))).rejects.toMatchObject({ code: "516" });
    expect(forgotten).toBe(2);
  });
});
