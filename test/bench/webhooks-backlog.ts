import { setTimeout as delay } from "node:timers/promises";
import { type BenchResult, result } from "./report.ts";
import type { WebhookFunctions } from "./webhooks-functions.ts";

const POLL_MS = 100;
const DEADLINE_MS = 30 * 60_000;

/**
 * Events a second from the first sweep to the last event processed, of everything that waits; beside it what one statement
 * takes that reads the same bodies as JSON, keeps that and marks the rows.
 */
export async function measureBacklog(
  functions: WebhookFunctions,
  progress: (line: string) => void,
): Promise<BenchResult> {
  const { admin } = functions;
  await admin.query("update events set next_attempt_at = now() where next_attempt_at is not null");
  await admin.query("vacuum analyze events");
  await admin.query("checkpoint");
  await functions.startPushing();
  const total = await countWaiting(functions);
  progress(`processing ${total.toLocaleString("en-US")} events`);
  const startedAt = performance.now();
  const stop = new AbortController();
  const [, seconds] = await Promise.all([
    sweep(functions, stop.signal),
    untilNoneWaits(functions).then(() => {
      stop.abort();
      return (performance.now() - startedAt) / 1_000;
    }),
  ]);
  const outcomes = await admin.query<{ status: string; count: string }>(
    "select status, count(*) from events group by status",
  );
  const told = outcomes.rows.map(({ status, count }) => `${count} ${status}`).join(", ");
  progress(`processed in ${seconds.toFixed(1)} s: ${told}`);
  if (outcomes.rows.some(({ status }) => status !== "processed"))
    throw new Error(`not all processed: ${told}`);

  progress("the same rows in one statement");
  await admin.query("vacuum events");
  await admin.query("checkpoint");
  const floorAt = performance.now();
  await admin.query(`update events set payload = convert_from(body, 'UTF8')::jsonb, status = 'processed',
    processed_at = now(), attempts = attempts + 1, next_attempt_at = null`);
  const floorSeconds = (performance.now() - floorAt) / 1_000;
  return result("processing_from_backlog", total / seconds, "events/s", {
    floor: total / floorSeconds,
    target: ">= 1,000 events/s",
    ok: ({ value }) => value >= 1_000,
  });
}

async function sweep({ eventsUrl }: WebhookFunctions, signal: AbortSignal): Promise<void> {
  for (let isDone = false; !isDone && !signal.aborted;) {
    const response = await fetch(`${eventsUrl}/sweep`, { method: "POST" });
    const answer = await response.text();
    // A stand-in that can keep no more asks for patience; the scheduler comes every minute.
    if (response.status === 503) await delay(1_000);
    else if (response.status === 200) isDone = /"is_done": ?true/.test(answer);
    else throw new Error(`the sweep answered ${response.status}: ${answer}`);
  }
}

async function untilNoneWaits(functions: WebhookFunctions): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while ((await countWaiting(functions)) > 0) {
    if (Date.now() > deadline) throw new Error("the backlog is not processed");
    await delay(POLL_MS);
  }
}

async function countWaiting({ admin }: WebhookFunctions): Promise<number> {
  const { rows } = await admin.query<{ count: string }>(
    "select count(*) from events where next_attempt_at is not null",
  );
  return Number(rows[0]?.count);
}
