import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionInput } from "../shared/agent/execution.ts";
import type { Batch } from "./batches.ts";
import { cutBatches } from "./batches.ts";
import type { Connection } from "./connection.ts";
import type { IngestAnswer } from "./ingest-answer.ts";
import { addAnswer, NOTHING_SENT } from "./ingest-answer.ts";
import { postBatch } from "./post-batch.ts";

export interface SendOptions {
  /** Longest wait for one answer. */
  readonly timeoutMs?: number;
  /** Longest time for everything, waits between attempts included. */
  readonly deadlineMs?: number;
  readonly attemptsMax?: number;
  readonly signal?: AbortSignal;
  /** Called after each request that was answered, with how many records are through. */
  readonly onProgress?: (recordsDone: number) => void;
  readonly now?: () => number;
  readonly random?: () => number;
}

/**
 * Not everything could be sent. `answer` tells of what was answered, `unsent` holds the rest in its order.
 * `away`: the server could not be reached in time, sending later can help; `refused`: something has to be changed first.
 */
export class SendError extends Error {
  override readonly name = "SendError";
  readonly kind: "away" | "refused";
  readonly answer: IngestAnswer;
  readonly unsent: readonly ExecutionInput[];

  constructor(
    kind: "away" | "refused",
    message: string,
    answer: IngestAnswer,
    unsent: readonly ExecutionInput[],
  ) {
    super(message);
    this.kind = kind;
    this.answer = answer;
    this.unsent = unsent;
  }
}

const DEFAULTS = { timeoutMs: 20_000, deadlineMs: 60_000, attemptsMax: 8 };
const BACKOFF = { firstMs: 250, longestMs: 10_000 };

/**
 * Sends records in batches, one after another, and adds the answers up; `index` in the answer counts over `executions`.
 * Each batch is tried again on network errors and on 429 and 5xx, waiting as long as the server asks and otherwise with
 * full jitter. The records carry their own ids, so a batch sent twice is stored once. A record the server rejects is
 * reported in the answer and takes no other with it. Throws SendError when something is left unsent.
 */
export async function sendExecutions(
  connection: Connection,
  executions: readonly ExecutionInput[],
  options: SendOptions = {},
): Promise<IngestAnswer> {
  const now = options.now ?? Date.now;
  const deadline = now() + (options.deadlineMs ?? DEFAULTS.deadlineMs);
  const queue: Iterator<Batch> = cutBatches(executions);
  const split: Batch[] = [];
  let answer: IngestAnswer = NOTHING_SENT;
  for (;;) {
    const batch = split.pop() ?? nextOf(queue);
    if (batch === null) return answer;
    const outcome = await sendBatch(connection, batch, { ...options, now }, deadline);
    if (outcome.kind === "answered") {
      answer = addAnswer(answer, outcome.answer, batch.offset);
      options.onProgress?.(batch.offset + batch.lines.length);
    } else if (outcome.kind === "refused" && outcome.status === 413 && batch.lines.length > 1) {
      const half = Math.ceil(batch.lines.length / 2);
      split.push(
        { offset: batch.offset + half, lines: batch.lines.slice(half) },
        { offset: batch.offset, lines: batch.lines.slice(0, half) },
      );
    } else if (outcome.kind === "refused" && outcome.status === 413) {
      answer = addAnswer(answer, tooLarge(executions[batch.offset], outcome.reason), batch.offset);
    } else {
      throw new SendError(outcome.kind, outcome.reason, answer, executions.slice(batch.offset));
    }
  }
}

type BatchOutcome =
  | { readonly kind: "answered"; readonly answer: IngestAnswer }
  | { readonly kind: "away"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string; readonly status: number };

async function sendBatch(
  connection: Connection,
  batch: Batch,
  options: SendOptions & { now: () => number },
  deadline: number,
): Promise<BatchOutcome> {
  const { now, signal, random = Math.random } = options;
  const attemptsMax = options.attemptsMax ?? DEFAULTS.attemptsMax;
  for (let attempt = 1; ; attempt++) {
    const left = deadline - now();
    if (left <= 0) return { kind: "away", reason: "no time left to send" };
    const timeoutMs = Math.min(left, options.timeoutMs ?? DEFAULTS.timeoutMs);
    const outcome = await postBatch(connection, batch.lines, { timeoutMs, signal, now });
    if (outcome.kind !== "away" || attempt >= attemptsMax) return outcome;
    const jitter = random() * Math.min(BACKOFF.longestMs, BACKOFF.firstMs * 2 ** attempt);
    const wait = (outcome.retryAfterMs ?? 0) + jitter;
    if (now() + wait >= deadline) return outcome;
    await sleep(wait, undefined, signal === undefined ? {} : { signal });
  }
}

function nextOf(queue: Iterator<Batch>): Batch | null {
  const next = queue.next();
  return next.done === true ? null : next.value;
}

function tooLarge(execution: ExecutionInput | undefined, reason: string): IngestAnswer {
  const rejected = [{ index: 0, id: execution?.id ?? null, errors: [{ pointer: "", detail: reason }] }];
  return { ...NOTHING_SENT, rejected };
}
