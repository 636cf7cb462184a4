import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
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
  /** Further headers of the request with this number. */
  headersOf?: (index: number) => Readonly<Record<string, string>>;
  /**
   * Sends at this rate whatever the answers do; a latency then counts from the moment the request was to leave. Without
   * it each connection sends as soon as it has its answer.
   */
  perSecond?: number;
  /** Told when the request with this number leaves, in milliseconds since 1970. */
  onSend?: (index: number, at: number) => void;
}

/**
 * Posts every body once over keep-alive connections, each waiting for its answer; each must be answered with 2xx.
 * Latencies are in milliseconds. Speaks just the HTTP it needs over plain sockets: the load shares the machine with what
 * it measures, and a full client would take more of it than the function does.
 */
export async function runLoad(options: LoadOptions): Promise<LoadFigures> {
  const url = new URL(options.url);
  const requests = prepareRequests(url, options);
  const gapMs = options.perSecond === undefined ? 0 : 1_000 / options.perSecond;
  const latencies: number[] = [];
  let next = 0;
  async function send(startedAt: number): Promise<void> {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    await once(socket, "connect");
    try {
      for (let index = next++; index < requests.length; index = next++) {
        const request = requests[index];
        if (request === undefined) break;
        const plannedAt = startedAt + index * gapMs;
        if (gapMs > 0) await until(plannedAt);
        const sentAt = performance.now();
        options.onSend?.(index, performance.timeOrigin + sentAt);
        await exchange(socket, request);
        latencies.push(performance.now() - (gapMs > 0 ? plannedAt : sentAt));
      }
    } finally {
      socket.destroy();
    }
  }
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: options.connections }, () => send(startedAt)));
  const seconds = (performance.now() - startedAt) / 1_000;
  latencies.sort((a, b) => a - b);
  return {
    requestsPerSecond: options.bodies.length / seconds,
    p50: percentile(latencies, 0.5),
    p95: percentile(latencies, 0.95),
    p99: percentile(latencies, 0.99),
  };
}

function prepareRequests(url: URL, { headers, headersOf, bodies }: LoadOptions): Buffer[] {
  return bodies.map((body, index) => {
    const all = { ...headers, ...headersOf?.(index), "content-length": String(body.length) };
    const head = [
      `POST ${url.pathname} HTTP/1.1`,
      `host: ${url.host}`,
      ...Object.entries(all).map(([name, value]) => `${name}: ${value}`),
    ].join("\r\n");
    return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body]);
  });
}

async function until(moment: number): Promise<void> {
  const left = moment - performance.now();
  if (left > 0) await delay(left);
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
      done(answer.startsWith("HTTP/1.1 2") ? undefined : new Error(`answered ${answer.slice(0, 500)}`));
    };
    socket.on("data", onData);
    socket.on("close", onClose);
    socket.on("error", done);
    socket.write(request);
  });
}
