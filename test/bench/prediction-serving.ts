import { type BenchResult, median, result } from "./report.ts";
import { type LoadFigures, runLoad } from "./load.ts";
import { addPatterns, PATTERNS } from "./prediction-serving-ledger.ts";
import { type PredictionStack, startPredictionStack } from "./prediction-serving-stack.ts";

const HISTORY = 50_000;
const NEW_ROWS = 10_000;
const LONG_HISTORY_TIMES = 5;
const REPEATS = 3;
const REQUESTS = 8_000;
const PER_SECOND = 100;

/**
 * What a prediction costs over HTTP while 10,000 patterns are stored, beside a function that does nothing with the same
 * bodies; and what learning costs: the whole past of an organization, what is new, and what is new beside five times the
 * history. NETRA_BENCH_SCALE=0.1 does a tenth of the requests and of the executions, and all the patterns they reach.
 */
export async function benchPredictionServing(progress: (line: string) => void): Promise<BenchResult[]> {
  const scale = Number(process.env["NETRA_BENCH_SCALE"] ?? 1);
  const stack = await startPredictionStack();
  try {
    return [
      ...(await benchLearning(stack, scale, progress)),
      ...(await benchAnswers(stack, scale, progress)),
    ];
  } finally {
    await stack.close();
  }
}

async function benchLearning(
  { admin, organizationId, learn }: PredictionStack,
  scale: number,
  progress: (line: string) => void,
): Promise<BenchResult[]> {
  const history = Math.max(PATTERNS, Math.round(HISTORY * scale));
  const newRows = Math.round(NEW_ROWS * scale);
  const addNew = async (): Promise<number> => {
    const times: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      await addPatterns(admin, organizationId, newRows, 0.01);
      times.push(await learn("incremental", newRows));
    }
    return median(times);
  };
  progress(`making ${history} executions of ${PATTERNS} patterns`);
  await addPatterns(admin, organizationId, history);
  const full = await learn("full", history);
  progress(`learned in ${Math.round(full)} ms; ${newRows} more, ${REPEATS} times`);
  const few = await addNew();
  progress(`in ${Math.round(few)} ms; the rest of ${LONG_HISTORY_TIMES * history} executions`);
  for (let times = 1; times < LONG_HISTORY_TIMES; times += 1) {
    await addPatterns(admin, organizationId, history);
    await learn("incremental", history);
  }
  await admin.query("vacuum analyze command_executions, prediction_levels");
  const many = await addNew();
  return [
    result(`learning the past anew, ${history} executions`, full, "ms"),
    result(`learning ${newRows} new executions`, few, "ms"),
    result(`learning ${newRows} new, ${LONG_HISTORY_TIMES} x history`, many, "ms", {
      floor: few,
      target: "<= 1.5 x with the short history",
      ok: ({ ratio }) => ratio <= 1.5,
    }),
  ];
}

async function benchAnswers(
  stack: PredictionStack,
  scale: number,
  progress: (line: string) => void,
): Promise<BenchResult[]> {
  const ask = (url: string, load: { connections: number; perSecond?: number }): Promise<LoadFigures> =>
    runLoad({
      url: `${url}/v1/predict`,
      headers: { authorization: `Bearer ${stack.key}`, "content-type": "application/json" },
      bodies: bodiesOf(Math.max(500, Math.round(REQUESTS * scale))),
      ...load,
    });
  const { rows } = await stack.admin.query<{ signatures: string; keys: string }>(
    `select count(*) filter (where level = 'signature') as signatures, count(*) as keys from prediction_levels`,
  );
  progress(`${rows[0]?.signatures} patterns of ${rows[0]?.keys} keys are stored; warming up`);
  await ask(stack.insights.url, { connections: 8 });
  await ask(stack.noOp.url, { connections: 8 });
  const results: BenchResult[] = [result("patterns stored", Number(rows[0]?.signatures), "patterns")];
  for (const [name, load] of [
    ["one after the other", { connections: 1 }],
    [`${PER_SECOND} a second`, { connections: 8, perSecond: PER_SECOND }],
    ["as many as go over 8", { connections: 8 }],
  ] as const) {
    progress(`asking: ${name}`);
    const floor = await ask(stack.noOp.url, load);
    const ours = await ask(stack.insights.url, load);
    // When all there is is in use, a time tells how long the queue is.
    const isJudged = load.connections === 1 || "perSecond" in load;
    results.push(
      result(`predict, ${name}: p50`, ours.p50, "ms", { floor: floor.p50 }),
      result(`predict, ${name}: p95`, ours.p95, "ms", {
        floor: floor.p95,
        ...(isJudged && { target: "under 20 ms", ok: ({ value }) => value < 20 }),
      }),
      result(`predict, ${name}: requests`, ours.requestsPerSecond, "requests/s", {
        floor: floor.requestsPerSecond,
      }),
    );
  }
  return results;
}

/** Commands of all patterns, in an order that no cache is fond of. */
function bodiesOf(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const pattern = (index * 7_919) % PATTERNS;
    return Buffer.from(
      JSON.stringify({
        command: `/command-${pattern} src/module-${index}`,
        workspace: { repository: `acme/shop-${pattern % 20}` },
        model: "claude-sonnet-4-5",
        max_usd: 5,
      }),
    );
  });
}
