import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

interface Received {
  readonly id: string;
  readonly status?: string;
  readonly [field: string]: unknown;
}

export interface FakeServer {
  /** Base address of the ingest function. */
  readonly url: string;
  readonly port: number;
  /** Bodies of all requests, in their order, whether they were answered well or not. */
  readonly requests: readonly (readonly Received[])[];
  /** Records that were stored, by id, the way the ledger keeps them: a terminal record never changes. */
  readonly stored: ReadonlyMap<string, Received>;
  readonly authorizations: readonly string[];
  close(): Promise<void>;
}

/** What to do with a request instead of storing it; undefined stores it. */
export type Fault = (
  attempt: number,
  records: readonly Received[],
  response: ServerResponse,
) => boolean | undefined;

/** A server that behaves as the ingest function does, except where a test wants a failure. */
export async function startFakeServer(fault: Fault = () => false, port = 0): Promise<FakeServer> {
  const requests: Received[][] = [];
  const stored = new Map<string, Received>();
  const authorizations: string[] = [];
  const server = createServer((request, response) => {
    const receive = async (): Promise<void> => {
      const body = await readBody(request);
      if (body === null) return;
      const records = parseBody(body);
      requests.push(records);
      authorizations.push(request.headers.authorization ?? "");
      if (fault(requests.length, records, response) === true) return;
      answer(response, 200, store(stored, records));
    };
    void receive();
  });
  await new Promise<void>((ready) => server.listen(port, "127.0.0.1", ready));
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    port: taken,
    requests,
    stored,
    authorizations,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
  return true;
}

/** A port nobody listens on. */
export async function freePort(): Promise<number> {
  const server = await startFakeServer();
  await server.close();
  return server.port;
}

function store(stored: Map<string, Received>, records: readonly Received[]) {
  const counts = { accepted: 0, duplicates: 0, updated: 0, rejected: [], warnings: [] };
  for (const record of records) {
    const known = stored.get(record.id);
    if (known === undefined) counts.accepted += 1;
    else if (known.status === "pending" && record.status !== "pending") counts.updated += 1;
    else {
      counts.duplicates += 1;
      continue;
    }
    stored.set(record.id, record);
  }
  return counts;
}

/** Null when the client gave the request up before it was all there. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch (error) {
    if (request.complete) throw error;
    return null;
  }
  const body = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
}

function parseBody(body: Buffer): Received[] {
  return body
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Received);
}
