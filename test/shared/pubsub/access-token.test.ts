import { createServer, type Server, type ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AccessTokens, createAccessTokens } from "../../../shared/pubsub/access-token.ts";
import { closeServer, listenOn } from "../../helpers/google-metadata.ts";

const MINUTE_MS = 60_000;

let server: Server;
let seen: { url: string | undefined; flavor: unknown }[];
/** Answers a request now, or holds it for later. */
let answer: (response: ServerResponse) => void;
let now: number;
let tokens: AccessTokens;

beforeEach(async () => {
  seen = [];
  answer = give("one");
  server = createServer((request, response) => {
    seen.push({ url: request.url, flavor: request.headers["metadata-flavor"] });
    answer(response);
  });
  const { port } = await listenOn(server, "127.0.0.1", 0);
  now = 0;
  tokens = createAccessTokens({ metadataHost: `127.0.0.1:${port}`, now: () => now });
});

afterEach(() => closeServer(server));

function give(token: string, seconds = 3_600): typeof answer {
  const body = JSON.stringify({ access_token: token, expires_in: seconds, token_type: "Bearer" });
  return (response) => void response.end(body);
}

function refuse(status: number): typeof answer {
  return (response) => void response.writeHead(status).end();
}

const get = (signal: AbortSignal = AbortSignal.timeout(20_000)): Promise<string> => tokens.get(signal);

describe("access tokens", () => {
  it("are fetched from the metadata server once, however many ask, and used for most of their time", async () => {
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => get())))).toEqual(new Set(["one"]));
    now = 55 * MINUTE_MS;
    expect(await get()).toBe("one");
    expect(seen).toEqual([
      { url: "/computeMetadata/v1/instance/service-accounts/default/token", flavor: "Google" },
    ]);
  });

  it("are renewed before their end, once the platform has a new one, and nobody waits for that", async () => {
    await get();
    answer = give("two");
    now = 57 * MINUTE_MS;
    expect(await Promise.all([get(), get(), get()])).toEqual(["one", "one", "one"]);
    await vi.waitFor(async () => expect(await get()).toBe("two"));
    expect(seen).toHaveLength(2);
  });

  it("that cannot be renewed are used to their end, without asking at each request, and no longer", async () => {
    await get();
    answer = refuse(503);
    now = 57 * MINUTE_MS;
    for (let n = 0; n < 20; n += 1) expect(await get()).toBe("one");
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    now += 30_000;
    expect(await get()).toBe("one");
    await vi.waitFor(() => expect(seen).toHaveLength(3));
    now = 60 * MINUTE_MS;
    await expect(get()).rejects.toThrow("503");
    answer = give("two");
    expect(await get()).toBe("two");
  });

  it("that the platform gives with little time left are used for that", async () => {
    answer = give("short", 200);
    for (let n = 0; n < 20; n += 1) expect(await get()).toBe("short");
    expect(seen).toHaveLength(1);
    now = 199_000;
    answer = give("next");
    expect(await get()).toBe("next");
  });

  it("are fetched again after one was refused, and after a failure", async () => {
    answer = refuse(503);
    await expect(get()).rejects.toThrow("503");
    answer = (response) => void response.end("{}");
    await expect(get()).rejects.toThrow("access_token");
    answer = give("one");
    expect(await get()).toBe("one");
    tokens.forget();
    answer = give("two");
    expect(await get()).toBe("two");
  });

  it("reach who can wait, though who asked first could not", async () => {
    const held: ServerResponse[] = [];
    answer = (response) => void held.push(response);
    const hasty = new AbortController();
    const first = get(hasty.signal);
    const second = get();
    await vi.waitFor(() => expect(held).toHaveLength(1));
    hasty.abort();
    await expect(first).rejects.toMatchObject({ name: "AbortError" });
    // Who comes late and cannot wait does not either.
    await expect(get(AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    for (const response of held) give("one")(response);
    expect(await second).toBe("one");
    expect(seen).toHaveLength(1);
  });
});
