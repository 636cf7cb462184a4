import { type LoadFigures, runLoad } from "./load.ts";
import { type BenchResult, result } from "./report.ts";
import { measureBacklog } from "./webhooks-backlog.ts";
import { GITHUB_HEADERS, makeDeliveries, makeTemplates } from "./webhooks-deliveries.ts";
import { startWebhookFunctions, type WebhookFunctions } from "./webhooks-functions.ts";
import { measureLag } from "./webhooks-lag.ts";

const CONNECTIONS = 32;
const PACED_CONNECTIONS = 64;
/** Prepared, signed and sent at a time: ten kilobytes each have to be kept. */
const CHUNK = 5_000;
const WARM_UP = 10_000;
/** The floor and ours in turns, so that a neighbour who wakes up slows both. */
const ROUNDS = 5;
const ROUND = 4_000;
const PACED_S = 15;
const BACKLOG = 50_000;
const LAG = { perSecond: 200, seconds: 20 };

type Templates = ReturnType<typeof makeTemplates>;

/**
 * What taking and processing webhooks costs, each figure beside a floor of the same run: a function that does nothing with
 * the same bodies, and one statement that updates the same rows. The load comes from this process, so all share the
 * machine. `NETRA_BENCH_SCALE=0.1` does a tenth of everything: enough to see that it works, too little to judge by.
 */
export async function benchWebhooks(progress: (line: string) => void): Promise<BenchResult[]> {
  const scale = Number(process.env["NETRA_BENCH_SCALE"] ?? 1);
  const count = (full: number): number => Math.max(100, Math.round(full * scale));
  const templates = makeTemplates();
  return [
    ...(await benchFunctions(templates, count, progress)),
    ...(await measureLag(templates, { ...LAG, seconds: Math.max(2, LAG.seconds * scale) }, progress)),
  ];
}

async function benchFunctions(
  templates: Templates,
  count: (full: number) => number,
  progress: (line: string) => void,
): Promise<BenchResult[]> {
  progress("starting PostgreSQL and the functions");
  const functions = await startWebhookFunctions();
  try {
    progress("warming up");
    await send(functions, functions.webhookUrl, templates, count(WARM_UP));
    await send(functions, functions.noOpUrl, templates, count(WARM_UP));
    await functions.admin.query("checkpoint");
    progress(`${ROUNDS * count(ROUND)} GitHub deliveries over ${CONNECTIONS} connections`);
    const floors: LoadFigures[] = [];
    const oursOfRounds: LoadFigures[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(await send(functions, functions.noOpUrl, templates, count(ROUND)));
      oursOfRounds.push(await send(functions, functions.webhookUrl, templates, count(ROUND)));
    }
    const floor = meanOf(floors);
    const ours = meanOf(oursOfRounds);
    const half = Math.floor(ours.requestsPerSecond / 2);
    progress(`deliveries at ${half} a second`);
    const paced = await sendPaced(functions, templates, half, count(half * PACED_S));
    progress(`taking deliveries until ${count(BACKLOG).toLocaleString("en-US")} wait`);
    const missing = count(BACKLOG) - (await countEvents(functions));
    if (missing > 0) await send(functions, functions.webhookUrl, templates, missing);
    return [
      result("intake_over_32", ours.requestsPerSecond, "requests/s", {
        floor: floor.requestsPerSecond,
        target: "ratio >= 0.3",
        ok: ({ ratio }) => ratio >= 0.3,
      }),
      result("intake_over_32_p99", ours.p99, "ms", { floor: floor.p99 }),
      result("intake_at_half_rate", half, "requests/s"),
      result("intake_at_half_rate_p50", paced.p50, "ms"),
      result("intake_at_half_rate_p95", paced.p95, "ms"),
      result("intake_at_half_rate_p99", paced.p99, "ms", {
        target: "under 100 ms",
        ok: ({ value }) => value < 100,
      }),
      await measureBacklog(functions, progress),
    ];
  } finally {
    await functions.close();
  }
}

/** Sends so many deliveries as fast as they are answered; what is prepared in between does not count. */
async function send(
  functions: WebhookFunctions,
  url: string,
  templates: Templates,
  total: number,
): Promise<LoadFigures> {
  const parts: LoadFigures[] = [];
  for (let sent = 0; sent < total; sent += CHUNK) {
    const { bodies, headersOf } = makeDeliveries(templates, functions.secret, Math.min(CHUNK, total - sent));
    const load = { url, headers: GITHUB_HEADERS, bodies, headersOf, connections: CONNECTIONS };
    parts.push(await runLoad(load));
  }
  return meanOf(parts);
}

/** Of parts of about one size: requests by the time they took together, the latencies' mean. */
function meanOf(parts: readonly LoadFigures[]): LoadFigures {
  const mean = (of: (part: LoadFigures) => number): number =>
    parts.reduce((sum, part) => sum + of(part), 0) / parts.length;
  return {
    requestsPerSecond: 1 / mean(({ requestsPerSecond }) => 1 / requestsPerSecond),
    p50: mean(({ p50 }) => p50),
    p95: mean(({ p95 }) => p95),
    p99: mean(({ p99 }) => p99),
  };
}

function sendPaced(
  functions: WebhookFunctions,
  templates: Templates,
  perSecond: number,
  count: number,
): Promise<LoadFigures> {
  const { bodies, headersOf } = makeDeliveries(templates, functions.secret, count);
  const target = { url: functions.webhookUrl, headers: GITHUB_HEADERS, bodies, headersOf };
  return runLoad({ ...target, connections: PACED_CONNECTIONS, perSecond });
}

async function countEvents({ admin }: WebhookFunctions): Promise<number> {
  const { rows } = await admin.query<{ count: string }>("select count(*) from events");
  return Number(rows[0]?.count);
}
