import { v7 as uuidv7 } from "uuid";
import { executionInput, type ExecutionInput } from "../../shared/agent/execution.ts";
import { addUsage, NO_USAGE } from "../../shared/agent/usage.ts";
import { generateDemo } from "../../local/demo.ts";
import { prepareExecution } from "../../functions/ingest/prepare-execution.ts";
import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";
import { copyRows } from "./ingest-copy.ts";
import { type IngestStack, startIngestStack } from "./ingest-stack.ts";
import { type LoadFigures, runLoad } from "./load.ts";
import { type BenchResult, median, result } from "./report.ts";

const BATCH_ROWS = 60_000;
const SINGLES = 15_000;
/** As many as it takes until the compiler has nothing more to improve. */
const WARM_UP_SINGLES = 25_000;
/** What is measured and its floor take turns, because the machine's other guests make it slower and faster all the time. */
const TURNS = 5;
const HISTORY_ROWS = 1_000_000;
const CONNECTIONS = { batches1000: 4, batches100: 8, singles: 32 };

/**
 * What ingest costs, each figure beside a floor of the same run: binary COPY of the same rows into the same table, and a
 * function that does nothing with the same bodies. The load comes from this process, so all share the machine.
 */
export async function benchIngest(progress: (line: string) => void): Promise<BenchResult[]> {
  progress("starting the embedded servers and the functions");
  const stack = await startIngestStack();
  try {
    const templates = makeTemplates();
    const results: BenchResult[] = [];
    progress("warming up");
    await batches(stack, templates, 1_000, 4, BATCH_ROWS);
    await singles(stack.ingest.url, stack, templates, WARM_UP_SINGLES);
    await singles(stack.noOp.url, stack, templates, WARM_UP_SINGLES);

    for (const [rowsEach, connections] of [
      [1_000, CONNECTIONS.batches1000],
      [100, CONNECTIONS.batches100],
    ] as const) {
      progress(`batches of ${rowsEach} over ${connections} connections, and the same rows by binary COPY`);
      const [ours, floor] = await inTurns(
        stack,
        () => batches(stack, templates, rowsEach, connections, BATCH_ROWS),
        () => copied(stack, preparedBatches(templates, rowsEach), connections),
      );
      results.push(
        result(`batches_${rowsEach}_over_${connections}`, median(ours), "rows/s", {
          floor: median(floor),
          target: "ratio >= 0.5",
          ok: ({ ratio }) => ratio >= 0.5,
        }),
      );
    }

    progress(`single records over ${CONNECTIONS.singles} connections, and to a function that does nothing`);
    const [turns, floorTurns] = await inTurns(
      stack,
      () => singles(stack.ingest.url, stack, templates, SINGLES),
      () => singles(stack.noOp.url, stack, templates, SINGLES),
    );
    const ours = medianFigures(turns);
    results.push(...singleResults(ours, medianFigures(floorTurns)));

    progress(`filling the ledger with ${HISTORY_ROWS.toLocaleString("en-US")} rows`);
    await fillHistory(stack);
    progress("single records again");
    const later: LoadFigures[] = [];
    for (let turn = 0; turn < TURNS; turn += 1)
      later.push(await singles(stack.ingest.url, stack, templates, SINGLES));
    results.push(
      result("singles_with_1m_rows", medianFigures(later).requestsPerSecond, "requests/s", {
        floor: ours.requestsPerSecond,
        target: "ratio >= 0.8 of the empty ledger's",
        ok: ({ ratio }) => ratio >= 0.8,
      }),
    );
    progress("carrying what waits to the analytics copy");
    results.push(result("analytics_catch_up", await catchUp(stack), "rows/s"));
    return results;
  } finally {
    await stack.close();
  }
}

/** The figures of what is measured and of its floor, each turn on an empty ledger. */
async function inTurns<T>(
  stack: IngestStack,
  ours: () => Promise<T>,
  floor: () => Promise<T>,
): Promise<[T[], T[]]> {
  const figures: [T[], T[]] = [[], []];
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [at, measure] of [ours, floor].entries()) {
      await emptyLedger(stack);
      figures[at]?.push(await measure());
    }
  }
  return figures;
}

function medianFigures(turns: readonly LoadFigures[]): LoadFigures {
  const of = (name: keyof LoadFigures): number => median(turns.map((figures) => figures[name]));
  return {
    requestsPerSecond: of("requestsPerSecond"),
    p50: of("p50"),
    p95: of("p95"),
    p99: of("p99"),
  };
}

function singleResults(ours: LoadFigures, floor: LoadFigures): BenchResult[] {
  return [
    result("singles_over_32", ours.requestsPerSecond, "requests/s", {
      floor: floor.requestsPerSecond,
      target: "ratio >= 0.5",
      ok: ({ ratio }) => ratio >= 0.5,
    }),
    result("singles_p50", ours.p50, "ms", { floor: floor.p50 }),
    result("singles_p95", ours.p95, "ms", {
      floor: floor.p95,
      target: "under 50 ms",
      ok: ({ value }) => value < 50,
    }),
    result("singles_p99", ours.p99, "ms", { floor: floor.p99 }),
    result("singles_against_1200_inserts_per_second", ours.requestsPerSecond, "requests/s", {
      floor: 1_200,
      target: "ratio > 1",
      ok: ({ ratio }) => ratio > 1,
    }),
  ];
}

/**
 * Plausible records of one month, each with the sum of its usage as a running client sends it; every body gets copies with
 * ids of its own.
 */
function makeTemplates(): ExecutionInput[] {
  const now = new Date("2026-11-20T12:00:00Z");
  return [...generateDemo({ seed: "bench", now, weeks: 2 })]
    .filter((execution) => execution.status !== "pending")
    .map((execution) => executionInput.parse(execution))
    .map(({ requests, ...execution }) => ({
      ...execution,
      usage: (requests ?? []).map((request) => request.usage).reduce(addUsage, NO_USAGE),
    }))
    .slice(0, 800);
}

function copyOf(templates: readonly ExecutionInput[], index: number): ExecutionInput {
  const template = templates[index % templates.length];
  if (template === undefined) throw new Error("there are no templates");
  return { ...template, id: uuidv7() };
}

async function batches(
  stack: IngestStack,
  templates: readonly ExecutionInput[],
  rowsEach: number,
  connections: number,
  rows: number,
): Promise<number> {
  const bodies = Array.from({ length: rows / rowsEach }, (_, batch) =>
    Buffer.from(
      JSON.stringify({
        executions: Array.from({ length: rowsEach }, (_unused, index) =>
          copyOf(templates, batch * rowsEach + index),
        ),
      }),
    ),
  );
  const figures = await runLoad({ ...target(stack.ingest.url, stack), bodies, connections });
  return figures.requestsPerSecond * rowsEach;
}

/** The rows the function makes of such bodies, for the floor to copy. */
function preparedBatches(templates: readonly ExecutionInput[], rowsEach: number): ExecutionRow[][] {
  const options = { userId: uuidv7(), needsCleaning: false, nowMs: Date.now() };
  return Array.from({ length: BATCH_ROWS / rowsEach }, (_, batch) =>
    Array.from({ length: rowsEach }, (_unused, index) => {
      const prepared = prepareExecution({ value: copyOf(templates, batch * rowsEach + index) }, options);
      if (prepared.kind === "rejected") throw new Error(JSON.stringify(prepared.errors));
      return prepared.row;
    }),
  );
}

async function copied(
  stack: IngestStack,
  rows: readonly (readonly ExecutionRow[])[],
  connections: number,
): Promise<number> {
  return BATCH_ROWS / (await copyRows(stack.adminDatabaseUrl, stack.organizationId, rows, connections));
}

function singles(
  url: string,
  stack: IngestStack,
  templates: readonly ExecutionInput[],
  count: number,
): Promise<LoadFigures> {
  const bodies = Array.from({ length: count }, (_, index) =>
    Buffer.from(JSON.stringify(copyOf(templates, index))),
  );
  return runLoad({ ...target(url, stack), bodies, connections: CONNECTIONS.singles });
}

function target(url: string, stack: IngestStack): { url: string; headers: Record<string, string> } {
  return {
    url: `${url}/v1/executions`,
    headers: { authorization: `Bearer ${stack.key}`, "content-type": "application/json" },
  };
}

async function emptyLedger(stack: IngestStack): Promise<void> {
  await stack.admin.query("truncate command_executions, ingest_keys, analytics_outbox");
  await stack.admin.query("checkpoint");
}

/** Copies of what is there under other ids, spread over the same month, each with its key. */
async function fillHistory(stack: IngestStack): Promise<void> {
  const columns = (
    await stack.admin.query<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = 'command_executions'::regclass and attnum > 0
       and attname not in ('id', 'timestamp') order by attnum`,
    )
  ).rows.map((row) => row.name);
  const list = columns.join(", ");
  const perStatement = 50_000;
  for (let rows = 0; rows < HISTORY_ROWS; rows += perStatement) {
    await stack.admin.query(`
      with source as (
        select *, row_number() over () as n from command_executions limit 10000
      ), copies as (
        insert into command_executions (id, timestamp, ${list})
        select gen_random_uuid(), source.timestamp + (copy.n || ' microseconds')::interval, ${list}
        from source, generate_series(1, ${perStatement / 10_000}) as copy(n)
        returning organization_id, id, timestamp
      )
      insert into ingest_keys (organization_id, id, timestamp) select organization_id, id, timestamp from copies`);
  }
  await stack.admin.query("vacuum analyze command_executions");
  await stack.admin.query("vacuum analyze ingest_keys");
  await stack.admin.query("checkpoint");
}

async function catchUp(stack: IngestStack): Promise<number> {
  const { rows } = await stack.admin.query<{ count: string }>(
    "select sum(cardinality(record_ids)) as count from analytics_outbox",
  );
  const startedAt = performance.now();
  for (let waiting = 1; waiting > 0;) {
    const response = await fetch(`${stack.ingest.url}/v1/relay`, {
      method: "POST",
      headers: { authorization: `Bearer ${stack.key}` },
    });
    if (response.status !== 200)
      throw new Error(`the relay answered ${response.status}: ${await response.text()}`);
    waiting = ((await response.json()) as { waiting: number }).waiting;
  }
  return Number(rows[0]?.count) / ((performance.now() - startedAt) / 1_000);
}
