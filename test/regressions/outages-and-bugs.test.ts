import { randomUUID } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createSources } from "../../functions/insights/sources.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import { primaryReader } from "../helpers/primary-reader.ts";

const QUERY = { from: new Date(0), to: new Date(1), groupBy: "day", limit: 1, offset: 0 } as const;

const log = (): undefined => undefined;

/** The sources of an instance whose analytics copy answers as told; null for one nobody listens for. */
async function startSources(answer: RequestListener | null, timeoutMs = 2_000) {
  let port = 9;
  if (answer !== null) {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ({ port } = server.address() as AddressInfo);
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  const clickhouse = createClickHouse({
    url: `http://u:p@127.0.0.1:${port}/db`,
    requestTimeoutMs: timeoutMs,
  });
  const pool = createPool({
    databaseUrl: "postgres://none",
    connectionsMax: 1,
    applicationName: "test",
    log,
  });
  onTestFinished(async () => {
    await clickhouse.close();
    await pool.end();
  });
  return createSources({ reader: primaryReader(pool), clickhouse, log, now: Date.now, timeoutMs });
}

const replies =
  (status: number, body: string): RequestListener =>
  (_request, response) =>
    response.writeHead(status).end(body);

describe("the analytics copy counts as away", () => {
  it.each<[string, RequestListener | null, number?]>([
    ["when nobody listens", null],
    ["when the connection breaks", (_request, response) => void response.destroy()],
    [
      "when it breaks within the answer",
      (_request, response) => {
        response.writeHead(200, { "content-length": "1000" });
        response.write('{"present":0}\n');
        setTimeout(() => response.destroy(), 50);
      },
    ],
    ["when no answer comes in time", () => undefined, 300],
    ["when a proxy answers for it", replies(502, "<html>Bad Gateway</html>")],
    [
      "when it has no memory left",
      replies(500, "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)"),
    ],
    [
      "when it refuses the password",
      replies(403, "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)"),
    ],
  ])("%s", async (_when, answer, timeoutMs) => {
    const sources = await startSources(answer, timeoutMs);
    expect(await sources.analytics(randomUUID(), QUERY)).toBeNull();
  });
});

describe("a bug is no outage", () => {
  it("of the statement", async () => {
    const sources = await startSources(replies(400, "Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)"));
    await expect(sources.analytics(randomUUID(), QUERY)).rejects.toThrow("Syntax error");
  });

  it("of ours before or after the question, whatever it throws", async () => {
    const sources = await startSources((request, response) => {
      request.resume();
      response.end('{"present":0}\n');
    });
    const broken = Object.defineProperty({ ...QUERY }, "from", {
      get: () => {
        throw new Error("a bug of ours");
      },
    });
    await expect(sources.analytics(randomUUID(), broken)).rejects.toThrow("a bug of ours");
    // No total in the answer.
    await expect(sources.analytics(randomUUID(), QUERY)).rejects.toThrow("no total");
  });
});
