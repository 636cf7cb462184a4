import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPublisher } from "../../../shared/pubsub/publisher.ts";

interface Seen {
  method: string | undefined;
  url: string | undefined;
  authorization: string | undefined;
  flavor: unknown;
  body: string;
}

let server: Server;
let host: string;
let seen: Seen[];
let answer: (request: IncomingMessage) => { status: number; body: unknown };

beforeEach(async () => {
  seen = [];
  answer = () => ({ status: 200, body: {} });
  server = createServer((request, response) => void reply(request, response));
  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { method, url, headers } = request;
    seen.push({
      method,
      url,
      authorization: headers.authorization,
      flavor: headers["metadata-flavor"],
      body,
    });
    const { status, body: content } = answer(request);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content));
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const noTokens = { get: () => Promise.reject(new Error("no token is needed")), forget: () => {} };
const TOPIC = "projects/p/topics/t";

describe("publisher", () => {
  it("sends attributes and data as Pub/Sub's REST interface takes them, without credentials to an emulator", async () => {
    const publisher = createPublisher({ emulatorHost: host, tokens: noTokens });
    await publisher.publish(
      TOPIC,
      [{ attributes: { a: "1" } }, { attributes: {}, data: Buffer.from("hi") }],
      signal(),
    );
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: "POST", url: `/v1/${TOPIC}:publish`, authorization: undefined });
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({
      messages: [{ attributes: { a: "1" } }, { attributes: {}, data: "aGk=" }],
    });
  });

  it("sends more than a thousand messages in several requests, and none for none", async () => {
    const publisher = createPublisher({ emulatorHost: host, tokens: noTokens });
    await publisher.publish(TOPIC, [], signal());
    expect(seen).toHaveLength(0);
    const messages = Array.from({ length: 2_500 }, (_, at) => ({ attributes: { at: String(at) } }));
    await publisher.publish(TOPIC, messages, signal());
    const sent = seen.flatMap(({ body }) => (JSON.parse(body) as { messages: unknown[] }).messages);
    expect(seen).toHaveLength(3);
    expect(sent).toEqual(messages);
  });

  it("says with what status Pub/Sub refused, or that it does not answer", async () => {
    const publisher = createPublisher({ emulatorHost: host, tokens: noTokens });
    answer = () => ({ status: 429, body: {} });
    await expect(publisher.publish(TOPIC, [{ attributes: {} }], signal())).rejects.toMatchObject({
      status: 429,
    });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(publisher.publish(TOPIC, [{ attributes: {} }], signal())).rejects.toMatchObject({
      status: null,
    });
  });
});
