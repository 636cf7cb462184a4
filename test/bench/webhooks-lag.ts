import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { z } from "zod";
import { writeLocalSecret } from "../../client/local-secrets.ts";
import { runLoad } from "./load.ts";
import { type BenchResult, percentile, result } from "./report.ts";
import { GITHUB_HEADERS, makeDeliveries, type makeTemplates } from "./webhooks-deliveries.ts";
import { createGithubSource } from "./webhooks-source.ts";

const CONNECTIONS = 32;
const WARM_UP_S = 5;
const POLL_MS = 10;
const PROCESSED_WITHIN_MS = 60_000;

const connection = z.object({ url: z.string(), organizationId: z.string(), adminDatabaseUrl: z.string() });

interface Lags {
  /** From the moment a request leaves until a reader of the database sees its event processed. */
  seen: number[];
  /** From the same moment to the beginning of the transaction that ends the processing. */
  stamped: number[];
}

/** How long after it was sent an event is processed, in the stack `npm start` starts, at a steady rate. */
export async function measureLag(
  templates: ReturnType<typeof makeTemplates>,
  pace: { perSecond: number; seconds: number },
  progress: (line: string) => void,
): Promise<BenchResult[]> {
  progress("starting the whole stack");
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  const stack = await startStack(folder);
  const sql = new Client({ connectionString: stack.adminDatabaseUrl });
  await sql.connect();
  try {
    const secret = randomBytes(24).toString("base64url");
    const reference = writeLocalSecret(folder, "bench", secret);
    const endpointId = await createGithubSource(sql, stack.organizationId, reference);
    const url = `${stack.url}/webhooks/github/${endpointId}`;
    const target = { url, organizationId: stack.organizationId, secret, perSecond: pace.perSecond };
    progress(`${pace.perSecond} deliveries a second through the whole stack`);
    await sendAndWatch(sql, templates, { ...target, seconds: Math.min(WARM_UP_S, pace.seconds) });
    const { seen, stamped } = await sendAndWatch(sql, templates, { ...target, seconds: pace.seconds });
    return [
      result(`lag_at_${pace.perSecond}_per_second_p50`, percentile(seen, 0.5), "ms"),
      result(`lag_at_${pace.perSecond}_per_second_p95`, percentile(seen, 0.95), "ms", {
        target: "under 500 ms",
        ok: ({ value }) => value < 500,
      }),
      result(`lag_at_${pace.perSecond}_per_second_p99`, percentile(seen, 0.99), "ms"),
      result(`lag_to_processed_at_p95`, percentile(stamped, 0.95), "ms"),
    ];
  } finally {
    await sql.end();
    await stack.end();
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
}

async function sendAndWatch(
  sql: Client,
  templates: ReturnType<typeof makeTemplates>,
  target: { url: string; organizationId: string; secret: string; perSecond: number; seconds: number },
): Promise<Lags> {
  const count = Math.round(target.perSecond * target.seconds);
  const { bodies, guids, headersOf } = makeDeliveries(templates, target.secret, count);
  const sentAt = new Map<string, number>();
  const watching = watch(sql, target.organizationId, sentAt, count);
  await Promise.all([
    watching,
    runLoad({
      url: target.url,
      headers: GITHUB_HEADERS,
      bodies,
      headersOf,
      connections: CONNECTIONS,
      perSecond: target.perSecond,
      onSend: (index, at) => sentAt.set(guids[index] ?? "", at),
    }),
  ]);
  return watching;
}

const PROCESSED = `
select headers ->> 'x-github-delivery' as guid, extract(epoch from processed_at) * 1000 as processed_at
from events
where organization_id = $1 and received_at >= to_timestamp($2::float8 / 1000) and processed_at is not null
  and headers ->> 'x-github-delivery' = any ($3)`;

/** Looks again and again for the events that were sent and not yet seen processed. */
async function watch(
  sql: Client,
  organizationId: string,
  sentAt: Map<string, number>,
  count: number,
): Promise<Lags> {
  const lags: Lags = { seen: [], stamped: [] };
  let lastSeenAt = Date.now();
  while (lags.seen.length < count) {
    const [oldest = Date.now()] = sentAt.values();
    const { rows } = await sql.query<{ guid: string; processed_at: string }>({
      name: "processed",
      text: PROCESSED,
      values: [organizationId, Math.floor(oldest), [...sentAt.keys()]],
    });
    const now = performance.timeOrigin + performance.now();
    for (const row of rows) {
      const sent = sentAt.get(row.guid) ?? NaN;
      sentAt.delete(row.guid);
      lags.seen.push(now - sent);
      lags.stamped.push(Number(row.processed_at) - sent);
    }
    if (rows.length > 0) lastSeenAt = Date.now();
    if (Date.now() - lastSeenAt > PROCESSED_WITHIN_MS) {
      throw new Error(`${count - lags.seen.length} events were not processed`);
    }
    await delay(POLL_MS);
  }
  lags.seen.sort((a, b) => a - b);
  lags.stamped.sort((a, b) => a - b);
  return lags;
}

async function startStack(
  folder: string,
): Promise<z.output<typeof connection> & { end: () => Promise<void> }> {
  const script = fileURLToPath(new URL("../../local/start.ts", import.meta.url));
  const child = spawn(process.execPath, [script, "--port", "0", "--no-demo", "--data-dir", folder], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  await untilReady(child);
  const text = await readFile(join(folder, "connection.json"), "utf8");
  return {
    ...connection.parse(JSON.parse(text)),
    async end() {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.stdout?.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes('"netra":"ready"')) resolve();
    });
    child.once("exit", () => reject(new Error(`the stack did not start:\n${said}`)));
  });
}
