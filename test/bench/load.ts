import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { percentile } from "./report.ts";

export interface LoadFigures {
  requestsPerSecond: number;
  p50: number;
  p95: number;
  p99: number;
}

interface LoadOptions {
  url: string;
  headers: Readonly<Record<string, string>>;
  bodies: readonly Buffer[];
  connections: number;
}

/**
 * Posts every body once over keep-alive connections, each waiting for its answer; each must be answered with 200.
 * Latencies are in milliseconds. Speaks just the HTTP it needs over plain sockets: the load shares the machine with what
 * it measures, and a full client would take more of it than the function does.
 */
export async function runLoad(options: LoadOptions): Promise<LoadFigures> {
  const url = new URL(options.url);
  const head = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    ...Object.entries(options.headers).map(([name, value]) => `${name}: ${value}`),
  ].join("\r\n");
  const requests = options.bodies.map((body) =>
    Buffer.concat([Buffer.from(`${head}\r\ncontent-length: ${body.length}\r\n\r\n`), body]),
  );
  const latencies: number[] = [];
  let next = 0;
  async function send(): Promise<void> {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    await once(socket, "connect");
    try {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const startedAt = performance.now();
        await exchange(socket, request);
        latencies.push(performance.now() - startedAt);
      }
    } finally {
      socket.destroy();
    }
  }
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: options.connections }, send));
  const seconds = (performance.now() - startedAt) / 1_000;
  latencies.sort((a, b) => a - b);
  return {
    requestsPerSecond: options.bodies.length / seconds,
    p50: percentile(latencies, 0.5),
    p95: percentile(latencies, 0.95),
    p99: percentile(latencies, 0.99),
  };
}

function exchange(socket: Socket, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const done = (error?: Error): void => {
      socket.off("data", onData);
      socket.off("close", onClose);
      socket.off("error", done);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onClose = (): void => done(new Error("the connection was closed before the answer"));
    const onData = (chunk: Buffer): void => {
      answer += chunk.toString("latin1");
      const end = answer.indexOf("\r\n\r\n");
      if (end === -1) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(answer)?.[1] ?? 0);
      if (answer.length < end + 4 + length) return;
      done(answer.startsWith("HTTP/1.1 200 ") ? undefined : new Error(`answered ${answer.slice(0, 500)}`));
    };
    socket.on("data", onData);
    socket.on("close", onClose);
    socket.on("error", done);
    socket.write(request);
  });
}
