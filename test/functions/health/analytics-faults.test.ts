import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createClickHouse } from "../../../shared/clickhouse/client.ts";
import { type Health, startHealth } from "../../helpers/health.ts";

/*
 * What a real server does not do on request: a merge that lasts for hours, a disk that fills, asynchronous inserts that
 * fail. A server that answers so stands in, by the table a question reads; the real one proves that the questions are
 * right (see breaks.test.ts, where the same checks are well).
 */

type Rows = Record<string, unknown>[];

let health: Health;
let server: Server;
let answers: Record<string, Rows | "denied"> = {};
beforeAll(async () => {
  health = await startHealth();
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString() + decodeURIComponent(request.url ?? "");
      const found = Object.entries(answers).find(([table]) => text.includes(table))?.[1] ?? [];
      if (found === "denied") {
        response.writeHead(500, { "x-clickhouse-exception-code": "497" });
        response.end("Code: 497. DB::Exception: netra: Not enough privileges. (ACCESS_DENIED)");
        return;
      }
      response.end(found.map((row) => `${JSON.stringify(row)}\n`).join(""));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const real = health.context.sources.clickhouse;
  await real.close();
  health.context.sources.clickhouse = createClickHouse({
    url: `http://u:p@127.0.0.1:${(server.address() as AddressInfo).port}/netra`,
    requestTimeoutMs: 1_000,
  });
});
afterEach(() => {
  answers = {};
});
afterAll(async () => {
  await health.context.sources.clickhouse.close();
  await health.close();
  server.closeAllConnections();
  server.close();
});

const TABLES = {
  parts: "4",
  parts_table: "executions",
  merges: "0",
  longest_merge: 0,
  mutations: "0",
  failing_mutations: "0",
  oldest_mutation: 0,
};
const GB = 1e9;

describe("what the analytics store tells of itself", () => {
  it.each([
    [0, "ok"],
    [601, "warning"],
    [7_200, "critical"],
  ])("a merge of %i s is %s", async (longest_merge, status) => {
    answers = { "system.merges": [{ ...TABLES, merges: "1", longest_merge }] };
    expect((await health.check("clickhouse_merges")).status).toBe(status);
  });

  it.each([
    [50, "ok"],
    [12, "warning"],
    [3, "critical"],
  ])("%i %% of a disk left is %s", async (percent, status) => {
    answers = { "system.disks": [{ name: "default", free_bytes: percent * GB, total_bytes: 100 * GB }] };
    expect(await health.check("clickhouse_disk")).toMatchObject({ status, value: percent });
  });

  it.each([
    ["0", "ok"],
    ["1", "warning"],
    ["250", "critical"],
  ])("%s asynchronous inserts that failed are %s", async (errors, status) => {
    answers = {
      "system.tables": [{ name: "asynchronous_insert_log" }],
      "from system.asynchronous_insert_log": [{ errors }],
    };
    expect((await health.check("clickhouse_insert_errors")).status).toBe(status);
  });

  it("takes nothing for well that it may not ask", async () => {
    answers = { "system.merges": "denied", "system.disks": "denied", "system.tables": "denied" };
    const names = ["clickhouse_parts", "clickhouse_merges", "clickhouse_mutations", "clickhouse_disk"];
    const found = await health.statuses(...names, "clickhouse_insert_errors");
    expect(new Set(Object.values(found))).toEqual(new Set(["unknown"]));
    expect(Object.keys(found)).toHaveLength(5);
  });
});
