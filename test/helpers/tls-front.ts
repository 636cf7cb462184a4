import { connect, type Socket } from "node:net";
import { createServer } from "node:tls";
import { listenOn } from "./google-metadata.ts";

export interface TlsFront {
  port: number;
  /** Connections made so far, and the bytes their clients sent, as encrypted. */
  connections: () => number;
  receivedBytes: () => number;
  /** Cuts every connection. */
  drop: () => void;
  /** From now on what is sent goes nowhere, or on again. */
  setStalled: (stalled: boolean) => void;
  close: () => Promise<void>;
}

/** A server on 127.0.0.1 that takes TLS off and passes the rest on to a plain port, which may be of another host. */
export async function startTlsFront(options: {
  cert: string;
  key: string;
  host: string;
  port: number;
}): Promise<TlsFront> {
  const open = new Set<Socket>();
  let connections = 0;
  let received = 0;
  let stalled = false;
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const server = createServer({ cert: options.cert, key: options.key }, (client) => {
    connections += 1;
    const behind = connect(options.port, options.host);
    track(client);
    track(behind);
    client.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (!stalled) behind.write(chunk);
    });
    behind.pipe(client);
    client.once("close", () => behind.destroy());
    behind.once("close", () => client.destroy());
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  const { port } = await listenOn(server, "127.0.0.1", 0);
  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port,
    connections: () => connections,
    receivedBytes: () => received,
    drop,
    setStalled(next) {
      stalled = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        drop();
      }),
  };
}
