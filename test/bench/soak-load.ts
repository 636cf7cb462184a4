import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { asPending, makeEnded, type SoakLedger } from "./soak-ledger.ts";
import type { SoakStack } from "./soak-stack.ts";
import { GITHUB_HEADERS, makeDeliveries, makeTemplates } from "./webhooks-deliveries.ts";

/** What the load saw; latencies in milliseconds, of requests that were acknowledged. */
export interface SoakSeen {
  ingestMs: number[];
  webhookMs: number[];
  reads: number;
  /** Requests that got no success and were sent again. */
  retries: number;
  /** Answers that must never be given. */
  wrong: string[];
}

export function createSeen(): SoakSeen {
  return { ingestMs: [], webhookMs: [], reads: 0, retries: 0, wrong: [] };
}

interface Load {
  stack: SoakStack;
  ledger: SoakLedger;
  seen: SoakSeen;
  stopping: AbortSignal;
}

const WRITERS = 4;
const SENDERS = 2;
const READERS = 2;
const PAUSE_MS = 40;
const RETRY_MS = 250;
const REQUEST_MS = 30_000;
/** Everything that was begun is sent until it is acknowledged, also after the load has stopped. */
const GIVE_UP_MS = 300_000;
const DELIVERIES_AT_ONCE = 20;

/** Executions, webhooks and reads at the same time, until told to stop and everything begun is acknowledged. */
export async function runSoakLoad(load: Load): Promise<void> {
  await Promise.all([
    ...Array.from({ length: WRITERS }, () => repeat(load, () => writeExecutions(load))),
    ...Array.from({ length: SENDERS }, () => sendDeliveries(load)),
    ...Array.from({ length: READERS }, () => repeat(load, () => readSummary(load))),
  ]);
}

async function repeat({ stopping }: Load, work: () => Promise<void>): Promise<void> {
  while (!stopping.aborted) {
    await work();
    await delay(PAUSE_MS);
  }
}

/** A batch that ends; part of it is told as pending before, and part of what was acknowledged is sent once more. */
async function writeExecutions(load: Load): Promise<void> {
  const { ledger, seen } = load;
  const ended = Array.from({ length: 1 + randomInt(20) }, makeEnded);
  ledger.begun += ended.length;
  const executions = ended.map(({ execution }) => execution);
  const pending = executions.filter(() => randomInt(4) === 0).map(asPending);
  if (pending.length > 0) await postExecutions(load, pending);
  const startedAt = performance.now();
  await postExecutions(load, executions);
  seen.ingestMs.push(performance.now() - startedAt);
  for (const { execution, tokens, picoUsd } of ended) {
    ledger.executions.add(execution.id);
    ledger.tokens += tokens;
    ledger.picoUsd += picoUsd;
  }
  if (randomInt(5) === 0) await postExecutions(load, executions);
}

async function postExecutions(load: Load, executions: readonly object[]): Promise<void> {
  const body = JSON.stringify({ executions });
  const answer = await untilAcknowledged(load, () =>
    fetch(`${load.stack.url("ingest")}/v1/executions`, {
      method: "POST",
      headers: { authorization: `Bearer ${load.stack.key}`, "content-type": "application/json" },
      body,
      signal: AbortSignal.timeout(REQUEST_MS),
    }),
  );
  if (!answer.includes('"rejected":[]'))
    load.seen.wrong.push(`good executions were rejected: ${answer.slice(0, 500)}`);
}

async function sendDeliveries(load: Load): Promise<void> {
  const { stack, ledger, seen, stopping } = load;
  const templates = makeTemplates();
  while (!stopping.aborted) {
    const { bodies, guids, headersOf } = makeDeliveries(templates, stack.secret, DELIVERIES_AT_ONCE);
    for (const [index, body] of bodies.entries()) {
      if (stopping.aborted) return;
      const send = (): Promise<Response> =>
        fetch(`${stack.url("webhooks")}${stack.webhookPath}`, {
          method: "POST",
          headers: { ...GITHUB_HEADERS, ...headersOf(index) },
          body,
          signal: AbortSignal.timeout(REQUEST_MS),
        });
      const startedAt = performance.now();
      await untilAcknowledged(load, send);
      seen.webhookMs.push(performance.now() - startedAt);
      ledger.deliveries.add(guids[index] ?? "");
      if (randomInt(10) === 0) await untilAcknowledged(load, send);
      await delay(PAUSE_MS);
    }
  }
}

/** Sends until a success, as a client with a spool does; an answer that blames the sender is noted as wrong. */
async function untilAcknowledged(load: Load, send: () => Promise<Response>): Promise<string> {
  const until = Date.now() + GIVE_UP_MS;
  for (;;) {
    try {
      const response = await send();
      const text = await response.text();
      if (response.ok) return text;
      if (response.status < 500 && response.status !== 429) {
        load.seen.wrong.push(`${response.status} for a good request: ${text.slice(0, 500)}`);
        return text;
      }
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    if (Date.now() > until) throw new Error("a request was not acknowledged within five minutes");
    load.seen.retries += 1;
    await delay(RETRY_MS);
  }
}

/** A reader never sees less than was acknowledged before it asked, nor more than was begun. */
async function readSummary({ stack, ledger, seen }: Load): Promise<void> {
  const atLeast = ledger.executions.size;
  const from = new Date(Date.now() - 60 * 86_400_000).toISOString();
  const to = new Date(Date.now() + 3_600_000).toISOString();
  const query = new URLSearchParams({ from, to, group_by: "day", source: "ledger" });
  try {
    const response = await fetch(`${stack.url("insights")}/v1/summary?${query.toString()}`, {
      headers: { authorization: `Bearer ${stack.key}` },
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const text = await response.text();
    if (response.status >= 500 || response.status === 429) return;
    seen.reads += 1;
    const count = Number(/"total":\{"executions":(\d+)/.exec(text)?.[1]);
    if (!(response.ok && count >= atLeast && count <= ledger.begun)) {
      seen.wrong.push(
        `a reader saw ${count} of ${atLeast} to ${ledger.begun} executions: ${text.slice(0, 300)}`,
      );
    }
  } catch {
    // The function is being killed; the next reader asks the next instance.
  }
}
