import { Agent, request } from "node:http";
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

/** Posts every body once over keep-alive connections; each must be answered with 200. Latencies are in milliseconds. */
export async function runLoad(options: LoadOptions): Promise<LoadFigures> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const latencies: number[] = [];
  let next = 0;
  async function send(): Promise<void> {
    for (let index = next++; index < options.bodies.length; index = next++) {
      const body = options.bodies[index];
      if (body === undefined) return;
      const startedAt = performance.now();
      await post(agent, options, body);
      latencies.push(performance.now() - startedAt);
    }
  }
  const startedAt = performance.now();
  try {
    await Promise.all(Array.from({ length: options.connections }, send));
  } finally {
    agent.destroy();
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  latencies.sort((a, b) => a - b);
  return {
    requestsPerSecond: options.bodies.length / seconds,
    p50: percentile(latencies, 0.5),
    p95: percentile(latencies, 0.95),
    p99: percentile(latencies, 0.99),
  };
}

function post(agent: Agent, options: LoadOptions, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      options.url,
      { method: "POST", agent, headers: { ...options.headers, "content-length": body.length } },
      (response) => {
        let answer = "";
        response.on("data", (chunk: Buffer) => {
          answer += chunk.toString();
        });
        response.on("end", () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`answered ${response.statusCode}: ${answer.slice(0, 500)}`));
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
