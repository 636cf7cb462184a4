import { once } from "node:events";
import { createServer, globalAgent as plainAgent, type RequestListener } from "node:http";
import { createServer as createTlsServer, globalAgent } from "node:https";
import { createServer as createSocketServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { sendRequest } from "../../../shared/pubsub/send-request.ts";
import { makeCertificate } from "../../helpers/certificate.ts";

const toClose: (() => void)[] = [];

afterEach(() => {
  for (const close of toClose.splice(0)) close();
  plainAgent.destroy();
});

async function listen(server: Server): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  toClose.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

/** A server that answers each connection's first bytes with exactly these, and leaves the connection open. */
async function answering(bytes: string): Promise<string> {
  const server = createSocketServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => void socket.write(bytes));
  });
  return `http://127.0.0.1:${(await listen(server)).port}/`;
}

async function serving(listener: RequestListener) {
  const { port, sockets } = await listen(createServer(listener));
  return { url: `http://127.0.0.1:${port}/`, sockets };
}

function get(url: string, signal: AbortSignal = AbortSignal.timeout(20_000)) {
  return sendRequest(url, { method: "GET", headers: {}, signal });
}

describe("a request", () => {
  it("uses a connection again", async () => {
    const { url, sockets } = await serving((_, response) => response.end("é"));
    for (let time = 0; time < 3; time += 1) expect(await get(url)).toEqual({ status: 200, body: "é" });
    expect(sockets.size).toBe(1);
  });

  it("goes over TLS to an authority that is known, and to no other", async () => {
    const { key, cert } = makeCertificate();
    const { port } = await listen(createTlsServer({ key, cert }, (_, response) => response.end("{}")));
    const url = `https://127.0.0.1:${port}/`;
    await expect(get(url)).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    globalAgent.options.ca = cert;
    try {
      expect(await get(url)).toEqual({ status: 200, body: "{}" });
    } finally {
      delete globalAgent.options.ca;
      globalAgent.destroy();
    }
  });

  it("follows no redirect", async () => {
    const { url } = await serving((_, response) => response.writeHead(307, { location: "/x" }).end());
    expect(await get(url)).toMatchObject({ status: 307 });
  });

  it.each([
    ["before an answer", ""],
    ["in the midst of one", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"],
  ])("ends when its time is over, %s", async (_, bytes) => {
    const aborting = new AbortController();
    const answered = get(await answering(bytes), aborting.signal);
    setTimeout(() => aborting.abort(), 50);
    await expect(answered).rejects.toThrow(/abort/);
  });

  it("does not begin when its time is over already", async () => {
    const { url, sockets } = await serving((_, response) => response.end());
    await expect(get(url, AbortSignal.abort())).rejects.toThrow(/abort/);
    expect(sockets.size).toBe(0);
  });

  it("fails with an answer that breaks off, speaks another protocol, or never ends", async () => {
    const { url } = await serving((_, response) => {
      response.writeHead(200, { "content-length": 10 }).write("abc", () => response.destroy());
    });
    await expect(get(url)).rejects.toMatchObject({ code: "ECONNRESET" });
    const upgrade = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    await expect(get(await answering(upgrade))).rejects.toThrow("without an answer");
    await expect(get(await answering("hello\r\n\r\n"))).rejects.toMatchObject({ code: /^HPE_/ });
    const endless = await serving((_, response) => {
      const write = (): void => void response.write("x".repeat(65_536), (error) => error ?? write());
      write();
    });
    await expect(get(endless.url)).rejects.toThrow("larger than");
  });
});
