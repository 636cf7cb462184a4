import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createAccessTokens } from "../../../shared/pubsub/access-token.ts";
import { createBucketStore } from "../../../shared/retention/bucket-store.ts";
import { isArchivePlace, openArchiveStore } from "../../../shared/retention/open-store.ts";

/** Stands in for Cloud Storage and the metadata server, over HTTP: the paths and answers of the JSON API. */
interface StandIn {
  url: string;
  host: string;
  objects: Map<string, Buffer>;
  requests: string[];
  tokens: number;
  /** Answers to give first, each once. */
  failures: number[];
  server: Server;
}

async function answer(standIn: StandIn, request: IncomingMessage): Promise<{ status: number; body: Buffer }> {
  const url = new URL(request.url ?? "", standIn.url);
  if (url.pathname.startsWith("/computeMetadata/")) {
    standIn.tokens += 1;
    return {
      status: 200,
      body: Buffer.from(JSON.stringify({ access_token: `token-${standIn.tokens}`, expires_in: 3_600 })),
    };
  }
  const body = await buffer(request);
  standIn.requests.push(`${request.method} ${request.url} ${request.headers.authorization}`);
  const failure = standIn.failures.shift();
  if (failure !== undefined) return { status: failure, body: Buffer.alloc(0) };
  const upload = /^\/upload\/storage\/v1\/b\/([^/]+)\/o$/.exec(url.pathname);
  if (request.method === "POST" && upload !== null && url.searchParams.get("uploadType") === "media") {
    standIn.objects.set(`${upload[1]} ${url.searchParams.get("name")}`, body);
    return { status: 200, body: Buffer.from("{}") };
  }
  const listed = /^\/storage\/v1\/b\/([^/]+)\/o$/.exec(url.pathname);
  if (request.method === "GET" && listed !== null) {
    const names = [...standIn.objects.keys()].map((key) => key.slice(`${listed[1]} `.length));
    const items = names.filter((name) => name.startsWith(url.searchParams.get("prefix") ?? "")).slice(0, 2);
    // An empty list has no member at all, as the service answers it.
    const list = items.length === 0 ? {} : { items: items.map((name) => ({ name })) };
    return { status: 200, body: Buffer.from(JSON.stringify(list)) };
  }
  const [, bucket, name] = /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/.exec(url.pathname) ?? [];
  const key = `${bucket} ${decodeURIComponent(name ?? "")}`;
  const found = standIn.objects.get(key);
  if (found === undefined) return { status: 404, body: Buffer.from("{}") };
  if (request.method === "DELETE") {
    standIn.objects.delete(key);
    return { status: 204, body: Buffer.alloc(0) };
  }
  return url.searchParams.get("alt") === "media"
    ? { status: 200, body: found }
    : { status: 200, body: Buffer.from("{}") };
}

let standIn: StandIn;
beforeEach(async () => {
  const server = createServer((request, response) => {
    void answer(standIn, request).then(({ status, body }) => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  standIn = {
    url: `http://${host}`,
    host,
    objects: new Map(),
    requests: [],
    tokens: 0,
    failures: [],
    server,
  };
});
afterEach(() => {
  standIn.server.closeAllConnections();
  standIn.server.close();
});

const open = () =>
  createBucketStore({
    bucket: "archive-bucket",
    prefix: "netra/a b",
    apiUrl: standIn.url,
    tokens: createAccessTokens({ metadataHost: standIn.host, now: Date.now }),
  });

it("stores bytes under a name, gives them back and removes them, with one token for all", async () => {
  const store = open();
  const bytes = Buffer.from([0, 1, 255, 10]);
  await store.put("m/2026-03/part.parquet", bytes);
  expect([...standIn.objects.keys()]).toEqual(["archive-bucket netra/a b/m/2026-03/part.parquet"]);
  expect(await store.get("m/2026-03/part.parquet")).toEqual(bytes);
  await store.remove("m/2026-03/part.parquet");
  await store.remove("m/2026-03/part.parquet");
  expect(standIn.objects.size).toBe(0);
  await expect(store.get("m/2026-03/part.parquet")).rejects.toThrow(/there is no/);
  expect(standIn.tokens).toBe(1);
  expect(standIn.requests.every((line) => line.endsWith("Bearer token-1"))).toBe(true);
});

it("removes a folder with all that is in it and nothing beside it", async () => {
  const store = open();
  for (const name of ["m/org-1/1", "m/org-1/2", "m/org-1/3", "m/org-10/1", "m/org-1"])
    await store.put(name, Buffer.from("x"));
  await store.removeAll("m/org-1");
  await store.removeAll("m/org-1");
  expect([...standIn.objects.keys()].toSorted()).toEqual([
    "archive-bucket netra/a b/m/org-1",
    "archive-bucket netra/a b/m/org-10/1",
  ]);
});

it("tries again what may pass, and with a new token where the old one is refused", async () => {
  standIn.failures = [503, 401];
  await open().put("x", Buffer.from("x"));
  expect(standIn.requests.length).toBe(3);
  expect(standIn.requests.at(-1)).toMatch(/token-2$/);
  expect(standIn.objects.size).toBe(1);
});

it("gives up at once where it is not allowed", async () => {
  standIn.failures = [403];
  await expect(open().put("x", Buffer.from("x"))).rejects.toThrow(/does not take or give/);
  expect(standIn.requests.length).toBe(1);
});

it("says when there is no such bucket", async () => {
  standIn.failures = [404];
  await expect(open().put("x", Buffer.from("x"))).rejects.toThrow("there is no bucket archive-bucket");
});

it.each([
  ["table", null],
  ["/var/archive", "file:///var/archive"],
  ["gs://archive-bucket", "gs://archive-bucket"],
  ["gs://archive-bucket/netra/", "gs://archive-bucket/netra"],
])("opens %s", (place, location) => {
  expect(isArchivePlace(place)).toBe(true);
  expect(openArchiveStore(place, { now: Date.now })?.location ?? null).toBe(location);
});

it.each(["", "archive", "gs://", "gs://B!/x", "https://x", "gs://ok/../x y"])(
  "knows that %j is no place",
  (place) => {
    expect(isArchivePlace(place)).toBe(false);
  },
);
