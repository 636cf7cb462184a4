import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { type ClickHouse, createClickHouse } from "../../../shared/clickhouse/client.ts";
import { answerOf, isClickHouseAway } from "../../../shared/clickhouse/outage.ts";
import { readRows } from "../../../shared/clickhouse/read-rows.ts";

/** A client of a server whose answers have one more row from time to time, and no end. */
async function startEndless(): Promise<ClickHouse> {
  const server = createServer((request, response) => {
    request.resume();
    const timer = setInterval(() => response.write('{"n":1}\n'), 10);
    response.once("close", () => clearInterval(timer));
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
