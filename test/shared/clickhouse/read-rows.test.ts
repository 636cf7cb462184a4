import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ClickHouse, createClickHouse } from "../../../shared/clickhouse/client.ts";
import { answerOf, isClickHouseAway } from "../../../shared/clickhouse/outage.ts";
import { readGroups, readRows } from "../../../shared/clickhouse/read-rows.ts";

/** A client of a server that answers whatever it is asked like this. */
async function startAnswering(answer: (response: ServerResponse) => void): Promise<ClickHouse> {
  const server = createServer((request, response) => {
    request.resume();
    answer(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = createClickHouse({
    url: `http://netra:x@127.0.0.1:${(server.address() as AddressInfo).port}/d`,
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await client.close();
  });
  return client;
}

/** Answers have one more row from time to time, and no end. */
function startEndless(): Promise<ClickHouse> {
  return startAnswering((response) => {
    const timer = setInterval(() => response.write('{"n":1}\n'), 10);
    response.once("close", () => clearInterval(timer));
  });
}

it("reads an answer for as long as its signal lets it, also one of which some comes all the time", async () => {
  const client = await startEndless();
  const ending = new AbortController();
  const ask = () => client.query({ query: "select 1", format: "JSONEachRow", abort_signal: ending.signal });
  const [first, second] = [await ask(), await ask()];
  const failureOf = (result: typeof first): Promise<unknown> =>
    answerOf(() => readRows(result, ending.signal)).catch((error: unknown) => error);
  const failure = failureOf(first);
  ending.abort();
  expect(isClickHouseAway(await failure)).toBe(true);
  // Its time was over before the reading began.
  expect(isClickHouseAway(await failureOf(second))).toBe(true);
});

async function readLines(...lines: object[]) {
  const client = await startAnswering((response) =>
    response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join("")),
  );
  const query = "select n with totals";
  return readGroups(await client.query({ query, format: "JSONEachRowWithProgress" }), undefined);
}

describe("groups", () => {
  const total = { totals: { n: "3" } };
  const count = { rows_before_limit_at_least: 7 };

  it("are told with their total and their number, in whatever order the lines come", async () => {
    const told = { rows: [{ n: "1" }, { n: "2" }], total: { n: "3" }, count: 7 };
    const rows = [{ row: { n: "1" } }, { row: { n: "2" } }];
    expect(await readLines({ meta: [] }, ...rows, total, { progress: {} }, count)).toEqual(told);
    expect(await readLines(total, { meta: [] }, count, ...rows)).toEqual(told);
    expect(await readLines(total, count)).toEqual({ ...told, rows: [] });
  });

  it("are an error when they come without a total, or when the server says on the way that it failed", async () => {
    await expect(readLines(count)).rejects.toThrow("no total");
    await expect(readLines(total)).rejects.toThrow("no total");
    const exception = "Code: 159. DB::Exception: Timeout exceeded: elapsed 2 seconds. (TIMEOUT_EXCEEDED)";
    const failure = await answerOf(() => readLines(total, { exception }, count)).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "159" });
    expect(isClickHouseAway(failure)).toBe(true);
  });
});
