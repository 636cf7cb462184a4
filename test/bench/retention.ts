import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { takeMonthOut } from "../../shared/retention/archive-month.ts";
import { startFunctionProcess } from "../helpers/function-process.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { type IngestStack, startIngestStack } from "./ingest-stack.ts";
import { addExecutions } from "./patterns-ledger.ts";
import { type BenchResult, percentile, result } from "./report.ts";

const ROWS = 1_000_000;
const PER_SECOND = 100;
const IDLE_MS = 10_000;

/**
 * What it costs to be rid of a month: a run of retention, which takes the partition out, against DELETE of as many rows;
 * and how long an ingest of one execution takes meanwhile. NETRA_BENCH_SCALE=0.1 does a tenth of it: enough to see that it
 * works, too little to judge by.
 */
export async function benchRetention(progress: (line: string) => void): Promise<BenchResult[]> {
  const rows = Math.round(ROWS * Number(process.env["NETRA_BENCH_SCALE"] ?? 1));
  // What an answer waits for the analytics copy would hide what it waits for the ledger.
  const stack = await startIngestStack({ NETRA_ANALYTICS_WAIT_MS: "0" });
  const retention = await startFunctionProcess("retention", {
    DATABASE_URL: stack.adminDatabaseUrl.replace("netra_owner", "netra_service"),
    CLICKHOUSE_URL: stack.clickhouseUrl,
    NETRA_CALLER_AUTH: "platform",
  });
  try {
    const { admin, organizationId } = stack;
    progress(`making three months of ${rows} executions`);
    await addExecutions(admin, organizationId, rows);
    await copyTo(admin, "2024-03-01");
    await copyTo(admin, "2024-05-01");
    await copyTo(admin, "2024-07-01");
    await admin.query("vacuum analyze command_executions");
    // The first night makes months ahead; nothing leaves yet, because patterns have not counted.
    const run = async (): Promise<unknown> =>
      (await fetch(`${retention.url}/run`, { method: "POST" })).json();
    await run();
    const idle = await latenciesDuring(stack, () => delay(IDLE_MS));
    progress(`idle: p95 ${idle.p95.toFixed(1)} ms`);

    const deleted = await latenciesDuring(stack, async () => {
      await admin.query(
        "delete from command_executions where timestamp >= '2024-05-01Z' and timestamp < '2024-06-01Z'",
      );
    });
    progress(`delete: ${Math.round(deleted.ms)} ms, p95 ${deleted.p95.toFixed(1)} ms`);
    await admin.query("drop table command_executions_2024_05; truncate pattern_dirty_days");
    await prepareRun(admin);
    const partition = await latenciesDuring(stack, async () => {
      const connection = { run: <T>(work: (sql: Client) => Promise<T>) => work(admin) };
      await takeMonthOut(connection, "2024-07-01");
      await admin.query(
        "select drop_archive_tables(id, 'dropped') from retention_archives where month = '2024-07-01'",
      );
    });
    progress(`partition: ${Math.round(partition.ms)} ms`);
    let answer: unknown = null;
    const dropped = await latenciesDuring(stack, async () => {
      answer = await run();
    });
    const { rows: left } = await admin.query<{ there: boolean }>(
      "select to_regclass('command_executions_2024_03') is not null as there",
    );
    if (left[0]?.there !== false) throw new Error(`the month was not dropped: ${JSON.stringify(answer)}`);
    progress(`run: ${Math.round(dropped.ms)} ms, p95 ${dropped.p95.toFixed(1)} ms`);
    return [
      result(`taking out and dropping a month of ${rows}`, partition.ms, "ms", {
        floor: deleted.ms,
        target: "<= 1/5 of DELETE, which leaves the space taken",
        ok: ({ ratio }) => ratio <= 1 / 5,
      }),
      result("longest ingest meanwhile", partition.max, "ms", {
        target: "<= 500 ms",
        ok: ({ value }) => value <= 500,
      }),
      result("a whole run that drops such a month, counts included", dropped.ms, "ms", {
        floor: deleted.ms,
      }),
      result("ingest p95 during the run", dropped.p95, "ms", {
        floor: idle.p95,
        target: "<= 2 x without, or 50 ms",
        ok: ({ ratio, value }) => ratio <= 2 || value <= 50,
      }),
      result("longest ingest during the run", dropped.max, "ms", {
        target: "<= 500 ms",
        ok: ({ value }) => value <= 500,
      }),
      result("ingest p95 during DELETE", deleted.p95, "ms", { floor: idle.p95 }),
      result("longest ingest during DELETE", deleted.max, "ms"),
    ];
  } finally {
    await retention.end("SIGTERM");
    await stack.close();
  }
}

/** The executions of the last thirty days once more, in the first days of an old month. */
async function copyTo(admin: Client, month: string): Promise<void> {
  await admin.query("select ensure_command_executions_partition($1::date::timestamptz)", [month]);
  const { rows } = await admin.query<{ list: string }>(
    `select string_agg(quote_ident(attname), ', ') as list from pg_attribute
     where attrelid = 'command_executions'::regclass and attnum > 0 and attname not in ('id', 'timestamp') and not attisdropped`,
  );
  const list = rows[0]?.list ?? "";
  await admin.query(
    `insert into command_executions (id, timestamp, ${list})
     select gen_random_uuid(), $1::date::timestamptz + (now() - timestamp) * 0.9, ${list}
     from command_executions where timestamp > now() - interval '31 days'`,
    [month],
  );
}

/** As it is at night: nobody keeps an archive, and patterns have counted everything. */
async function prepareRun(admin: Client): Promise<void> {
  await admin.query("update retention_policies set action = 'delete' where target = 'executions'");
  await admin.query(
    `insert into pattern_state (server, seen, unseen_since, window_first_day, window_is_stale, months_to_recount)
     values (pattern_server(), pg_current_snapshot(), now(), current_date, false, '{}')`,
  );
}

interface Latencies {
  ms: number;
  p95: number;
  max: number;
}

/** How long executions take to be stored, one at a time at a steady rate, while something goes on. */
async function latenciesDuring(stack: IngestStack, work: () => Promise<unknown>): Promise<Latencies> {
  const latencies: number[] = [];
  const failures: unknown[] = [];
  const requests: Promise<void>[] = [];
  const state = { isOver: false };
  const startedAt = performance.now();
  const working = work().finally(() => {
    state.isOver = true;
  });
  for (let index = 0; !state.isOver; index += 1) {
    const plannedAt = startedAt + (index * 1_000) / PER_SECOND;
    await delay(Math.max(0, plannedAt - performance.now()));
    requests.push(
      postOne(stack).then(
        () => void latencies.push(performance.now() - plannedAt),
        (error: unknown) => void failures.push(error),
      ),
    );
  }
  await working;
  const ms = performance.now() - startedAt;
  await Promise.all(requests);
  if (failures.length > 0) throw new Error("an ingest failed", { cause: failures[0] });
  latencies.sort((a, b) => a - b);
  return { ms, p95: percentile(latencies, 0.95), max: latencies.at(-1) ?? NaN };
}

async function postOne({ ingest, key }: IngestStack): Promise<void> {
  const response = await fetch(`${ingest.url}/v1/executions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(makeExecution()),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`answered ${response.status} ${text.slice(0, 200)}`);
}
