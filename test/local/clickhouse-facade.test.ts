import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { type ClickHouseClient, type ClickHouseSettings, createClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type EmbeddedClickHouse, startClickHouse } from "../../local/embedded-clickhouse.ts";

const PASSWORD = "p@ss:word/ with everything";
const LOGIN = { "x-clickhouse-user": "netra", "x-clickhouse-key": PASSWORD };
const SLOW = "select sleepEachRow(0.2) from numbers(600) settings max_block_size = 1";

let server: EmbeddedClickHouse;
let client: ClickHouseClient;
const clients: ClickHouseClient[] = [];

function connect(options: Parameters<typeof createClient>[0] = {}): ClickHouseClient {
  const made = createClient({ url: server.url("facade"), log: { level: 127 }, ...options });
  clients.push(made);
  return made;
}

async function select(
  query: string,
  options: Partial<Parameters<ClickHouseClient["query"]>[0]> = {},
): Promise<unknown[]> {
  const result = await client.query({ query, ...options, format: "JSONEachRow" });
  return result.json<unknown>();
}

/** Statements with a mark that the engine works on now. */
function findRunning(mark: string): Promise<unknown[]> {
  return select(
    `select query from system.processes where query like '%${mark}%' and query not like '%processes%'`,
  );
}

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  search: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { origin } = new URL(server.url(""));
  return fetch(`${origin}/${search}`, { method: "POST", body, headers: { ...LOGIN, ...headers } });
}

async function countKept(engine: EmbeddedClickHouse): Promise<unknown> {
  const reader = createClient({ url: engine.url("default") });
  try {
    return await (await reader.query({ query: "select count() n from kept", format: "JSONEachRow" })).json();
  } finally {
    await reader.close();
  }
}

beforeAll(async () => {
  const directory = join(inject("testStack").folder, `facade-${randomUUID()}`);
  server = await startClickHouse({ directory, password: PASSWORD });
  const setup = createClient({ url: server.url("default") });
  await setup.command({ query: "create database facade" });
  await setup.close();
  client = connect();
});

afterAll(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await server.stop();
});

describe("queries", () => {
  it("answers both kinds of ping", async () => {
    expect(await client.ping()).toMatchObject({ success: true });
    expect(await client.ping({ select: true })).toMatchObject({ success: true });
  });

  it("binds parameters of every usual type, whatever characters they hold", async () => {
    const nasty = `'; drop table x; -- \\ " \n\t\u0000 ünïcödé 🦀`;
    const rows = await select(
      "select {s:String} s, {n:UInt64} n, {a:Array(String)} a, {d:DateTime64(3)} d, {z:Nullable(String)} z",
      {
        query_params: {
          s: nasty,
          n: "18446744073709551615",
          a: ["a'b", "c\\d"],
          d: new Date("2026-01-02T03:04:05.678Z"),
          z: null,
        },
        clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
      },
    );
    expect(rows).toEqual([
      { s: nasty, n: "18446744073709551615", a: ["a'b", "c\\d"], d: "2026-01-02 03:04:05.678", z: null },
    ]);
  });

  it("takes long parameters from a multipart body", async () => {
    const text = "long ".repeat(200_000);
    const rows = await select("select length({s:String}) n", {
      query_params: { s: text },
      use_multipart_params: true,
    });
    expect(rows).toEqual([{ n: text.length }]);
  });

  it("keeps settings, parameters and temporary tables within their request", async () => {
    const settings: ClickHouseSettings = { max_result_rows: "1", result_overflow_mode: "throw" };
    await expect(select("select * from numbers(5)", { clickhouse_settings: settings })).rejects.toThrow(
      /limit/i,
    );
    expect(await select("select * from numbers(5)")).toHaveLength(5);
    await client.command({ query: "create temporary table passing (a UInt8)" });
    await expect(select("select * from passing")).rejects.toMatchObject({ code: "60" });
  });

  it("keeps a named session's temporary tables and refuses its concurrent use", async () => {
    const session_id = randomUUID();
    await client.command({ query: "create temporary table kept (a UInt8)", session_id });
    expect(await select("select count() n from kept", { session_id })).toEqual([{ n: 0 }]);
    const marker = `held_${randomUUID().replaceAll("-", "")}`;
    const slow = client.query({
      query: `select sleepEachRow(0.2) from numbers(25) settings max_block_size = 1 -- ${marker}`,
      session_id,
      format: "JSONEachRow",
    });
    await expect.poll(() => findRunning(marker), { timeout: 30_000 }).toHaveLength(1);
    await expect(select("select 1", { session_id })).rejects.toMatchObject({ code: "373" });
    await (await slow).text();
  });

  it("compresses in both directions", async () => {
    const compressed = connect({ compression: { request: true, response: true } });
    await compressed.command({
      query: "create table zipped (a UInt32, s String) engine = MergeTree order by a",
    });
    await compressed.insert({
      table: "zipped",
      values: Array.from({ length: 500 }, (_, a) => ({ a, s: "same text again and again" })),
      format: "JSONEachRow",
    });
    const result = await compressed.query({
      query: "select * from zipped order by a",
      format: "JSONEachRow",
    });
    expect(result.response_headers["content-encoding"]).toBe("gzip");
    expect(await result.json()).toHaveLength(500);
  });

  it("answers in the format asked for", async () => {
    const csv = await client.query({ query: "select 1 a, 'x' b", format: "CSVWithNames" });
    expect(await csv.text()).toBe('"a","b"\n1,"x"\n');
    const json = await client.query({ query: "select 1 a", format: "JSON" });
    expect(await json.json()).toMatchObject({ rows: 1, data: [{ a: 1 }] });
    const parquet = await client.exec({ query: "select 1 a format Parquet" });
    expect((await buffer(parquet.stream)).subarray(0, 4).toString()).toBe("PAR1");
  });
});

describe("inserts", () => {
  beforeAll(async () => {
    await client.command({
      query: `create table events (id UInt32, at DateTime64(3), note Nullable(String))
              engine = MergeTree order by id settings non_replicated_deduplication_window = 100`,
    });
  });

  it("stores rows and says how many", async () => {
    const { summary } = await client.insert({
      table: "events",
      values: [
        { id: 1, at: "2026-01-02T03:04:05.678Z", note: "one; drop table events" },
        { id: 2, at: "2026-01-02 03:04:05", note: null },
      ],
      format: "JSONEachRow",
    });
    expect(summary?.written_rows).toBe("2");
    expect(await select("select * from events where id < 3 order by id")).toEqual([
      { id: 1, at: "2026-01-02 03:04:05.678", note: "one; drop table events" },
      { id: 2, at: "2026-01-02 03:04:05.000", note: null },
    ]);
  });

  it("stores a batch with the same deduplication token once", async () => {
    for (let sent = 0; sent < 2; sent += 1) {
      await client.insert({
        table: "events",
        values: [{ id: 10, at: "2026-01-01 00:00:00", note: "again" }],
        format: "JSONEachRow",
        clickhouse_settings: { insert_deduplication_token: "batch-1" },
      });
    }
    expect(await select("select count() n from events where id = 10")).toEqual([{ n: 1 }]);
  });

  it("refuses a column the table does not have, unless told to skip it", async () => {
    const values = [{ id: 20, at: "2026-01-01 00:00:00", notee: "misspelt" }];
    await expect(client.insert({ table: "events", values, format: "JSONEachRow" })).rejects.toMatchObject({
      code: "117",
    });
    await client.insert({
      table: "events",
      values,
      format: "JSONEachRow",
      clickhouse_settings: { input_format_skip_unknown_fields: 1 },
    });
    expect(await select("select id from events where id = 20")).toEqual([{ id: 20 }]);
  });

  it("takes rows in a binary format, as text in the statement, and for chosen columns", async () => {
    const parquet = await client.exec({
      query: "select toUInt32(30) id, toDateTime64('2026-01-01 00:00:00', 3) at, 'p' note format Parquet",
    });
    await client.exec({ query: "insert into events format Parquet", values: parquet.stream });
    await client.command({ query: "insert into events values (31, '2026-01-01 00:00:00', 'v')" });
    await client.command({ query: "insert into events (id) select 32" });
    await client.insert({
      table: "events",
      columns: ["id", "note"],
      values: [[33, "c"]],
      format: "JSONCompactEachRow",
    });
    expect(await select("select id, note from events where id between 30 and 33 order by id")).toEqual([
      { id: 30, note: "p" },
      { id: 31, note: "v" },
      { id: 32, note: null },
      { id: 33, note: "c" },
    ]);
  });

  it("runs mutations and partitions away", async () => {
    await client.command({
      query: "create table months (m Date) engine = MergeTree partition by m order by m",
    });
    await client.command({ query: "insert into months values ('2026-01-01'), ('2026-02-01')" });
    await client.command({
      query: "alter table months delete where m = '2026-01-01'",
      clickhouse_settings: { mutations_sync: "1" },
    });
    expect(await select("select count() n from months")).toEqual([{ n: 1 }]);
    await client.command({ query: "alter table months drop partition '2026-02-01'" });
    expect(await select("select count() n from months")).toEqual([{ n: 0 }]);
  });
});

describe("refusals", () => {
  it.each([
    ["selec 1", 400, "62"],
    ["select * from missing", 404, "60"],
    ["select * from nowhere.missing", 404, "81"],
    ["select missing_column from numbers(1)", 404, "47"],
    ["select toUInt8('x')", 400, "6"],
    ["select throwIf(1)", 500, "395"],
    [
      "select sleepEachRow(1) from numbers(3) settings max_execution_time = 0.5, max_block_size = 1",
      408,
      "159",
    ],
  ])("answers %s with status %i and code %s", async (query, status, code) => {
    const response = await post(query, "?database=facade");
    expect(response.status).toBe(status);
    expect(response.headers.get("x-clickhouse-exception-code")).toBe(code);
    await expect(select(query)).rejects.toMatchObject({ code });
  });

  it("lets nobody in without the password", async () => {
    for (const password of ["", "wrong"]) {
      const stranger = connect({ url: new URL(server.url("")).origin, username: "netra", password });
      await expect(stranger.query({ query: "select 1" })).rejects.toMatchObject({ code: "516" });
    }
    const address = new URL(server.url(""));
    const bare = `${address.origin}/?query=select%201`;
    expect((await fetch(bare)).status).toBe(403);
    expect((await fetch(bare, { headers: LOGIN })).status).toBe(200);
  });

  it("lets a GET read and not write", async () => {
    const { origin } = new URL(server.url(""));
    const query = encodeURIComponent("create table facade.no (a UInt8) engine = Memory");
    const response = await fetch(`${origin}/?query=${query}`, { headers: LOGIN });
    expect(response.ok).toBe(false);
    expect(await response.text()).toMatch(/readonly/i);
  });

  it("answers a body that is no gzip and stays in service", async () => {
    const gzipped = { "content-encoding": "gzip" };
    expect((await post("no gzip at all", "", gzipped)).ok).toBe(false);
    expect((await post(new Uint8Array(gzipSync("select 1")), "", gzipped)).status).toBe(200);
  });
});

it("ends a statement inside the engine when its client gives up", async () => {
  const aborter = new AbortController();
  const marker = `abandoned_${randomUUID().replaceAll("-", "")}`;
  const running = client.query({
    query: `${SLOW} -- ${marker}`,
    format: "JSONEachRow",
    abort_signal: aborter.signal,
  });
  const outcome = running.then(
    () => "answered",
    (error: unknown) => error,
  );
  await expect.poll(() => findRunning(marker), { timeout: 30_000 }).toHaveLength(1);
  aborter.abort();
  expect(await outcome).toMatchObject({ message: expect.stringMatching(/abort/i) });
  await expect.poll(() => findRunning(marker), { timeout: 30_000 }).toHaveLength(0);
});

it("keeps what it acknowledged over a stop and over a kill", async () => {
  const directory = join(inject("testStack").folder, `durable-${randomUUID()}`);
  const first = await startClickHouse({ directory, password: PASSWORD });
  const writer = createClient({ url: first.url("default") });
  await writer.command({ query: "create table kept (a UInt32) engine = MergeTree order by a" });
  await writer.insert({ table: "kept", values: [{ a: 1 }, { a: 2 }], format: "JSONEachRow" });
  await writer.close();
  await first.kill();

  const second = await startClickHouse({ directory, password: PASSWORD, port: first.port });
  expect(await countKept(second)).toEqual([{ n: 2 }]);
  await second.stop();

  const third = await startClickHouse({ directory, password: PASSWORD });
  expect(await countKept(third)).toEqual([{ n: 2 }]);
  await third.stop();
});
