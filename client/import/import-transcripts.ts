import type { ExecutionInput } from "../../shared/agent/execution.ts";
import { addUsage, NO_USAGE } from "../../shared/agent/usage.ts";
import type { Usage } from "../../shared/agent/usage.ts";
import type { IngestAnswer } from "../ingest-answer.ts";
import { addAnswer, NOTHING_SENT } from "../ingest-answer.ts";
import { SendError } from "../send.ts";
import { findTranscripts } from "./find-transcripts.ts";
import type { ImportState } from "./import-state.ts";
import { planExecutions } from "./plan-executions.ts";
import type { PlannedExecution, SkippedPrompts } from "./plan-executions.ts";
import type { RecordedRuns } from "./recorded-runs.ts";
import { readTranscripts } from "./read-transcripts.ts";
import type { ReadReport } from "./read-transcripts.ts";

/**
 * Imports Claude Code transcripts: one execution for each user prompt with everything it caused.
 *
 * 1. find-transcripts lists the files; read-transcripts streams them into a TranscriptModel: prompts (session-reader,
 *    agent-reader) and model requests without repetitions (request-index). Texts are not kept, only what is sent.
 * 2. plan-executions compares that with the state of earlier imports and builds what is new.
 * 3. Here it is sent in batches; what the server has confirmed is added to the state at once, so an import that was
 *    stopped goes on where it was.
 *
 * Running it again, on files that grew, in another order, or without the state, never counts a request twice.
 */
export interface ImportOptions {
  readonly paths: readonly string[];
  readonly nowMs: number;
  /** Leave out prompts given before this time. */
  readonly sinceMs: number | null;
  readonly state: ImportState;
  /** What `netra run` has on record. Asked once the transcripts are read, so that no run in them is unknown to it. */
  readonly listRuns: () => RecordedRuns;
  /** Sends records; null for a dry run, which leaves the state alone as well. */
  readonly send: ((executions: readonly ExecutionInput[]) => Promise<IngestAnswer>) | null;
  readonly onProgress?: (progress: ImportProgress) => void;
  readonly lineBytesMax?: number;
}

interface ImportProgress {
  readonly files: number;
  readonly filesTotal: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly executions: number;
}

export interface ImportReport {
  readonly read: ReadReport;
  /** Distinct model requests in the transcripts. */
  readonly requests: number;
  readonly executions: { completed: number; failed: number; pending: number; continuations: number };
  readonly skipped: Readonly<SkippedPrompts>;
  /** Requests and tokens that this import sends; pending executions have none yet. */
  readonly sentRequests: number;
  readonly sentUsage: Usage;
  readonly answer: IngestAnswer;
  /** Why not everything was sent; null when it was. */
  readonly failure: { readonly kind: "away" | "refused"; readonly reason: string } | null;
}

const BATCH_RECORDS = 500;
const BATCH_REQUESTS = 20_000;
const REJECTED_LISTED = 100;

export async function importTranscripts(options: ImportOptions): Promise<ImportReport> {
  const found = await findTranscripts(options.paths);
  const filesTotal = found.files.length;
  const bytesTotal = found.files.reduce((sum, file) => sum + file.bytes, 0);
  const progress = { files: 0, filesTotal, bytes: 0, bytesTotal, executions: 0 };
  const { model, report: read } = await readTranscripts(found.files, {
    ...(options.lineBytesMax === undefined ? {} : { lineBytesMax: options.lineBytesMax }),
    onBytes: (bytes) => {
      progress.bytes += bytes;
      options.onProgress?.(progress);
    },
    onFile: () => {
      progress.files += 1;
      options.onProgress?.(progress);
    },
  });
  read.unreadable.unshift(...found.unreadable);

  const planned = planExecutions(model, { ...options, runs: options.listRuns() });
  const executions = { completed: 0, failed: 0, pending: 0, continuations: 0 };
  let sentRequests = 0;
  let sentUsage: Usage = NO_USAGE;
  let answer = NOTHING_SENT;
  let failure: ImportReport["failure"] = null;
  let batch: PlannedExecution[] = [];
  let records = 0;
  let requests = 0;

  const flush = async (): Promise<void> => {
    const outcome = await sendBatch(batch, options);
    answer = addAnswer(answer, outcome.answer, progress.executions);
    answer.rejected.splice(REJECTED_LISTED);
    answer.warnings.splice(REJECTED_LISTED);
    failure = outcome.failure;
    progress.executions += records;
    options.onProgress?.(progress);
    batch = [];
    records = 0;
    requests = 0;
  };
  for await (const one of planned.executions) {
    count(executions, one);
    for (const record of one.records) {
      for (const { usage } of record.requests ?? []) sentUsage = addUsage(sentUsage, wholeUsage(usage));
      sentRequests += record.requests?.length ?? 0;
      requests += record.requests?.length ?? 0;
    }
    records += one.records.length;
    batch.push(one);
    if (records >= BATCH_RECORDS || requests >= BATCH_REQUESTS) await flush();
    if (failure !== null) break;
  }
  if (batch.length > 0 && failure === null) await flush();
  return {
    read,
    requests: planned.requests,
    executions,
    skipped: planned.skipped,
    sentRequests,
    sentUsage,
    answer,
    failure,
  };
}

async function sendBatch(
  batch: readonly PlannedExecution[],
  { send, state }: ImportOptions,
): Promise<Pick<ImportReport, "answer" | "failure">> {
  if (send === null) return { answer: NOTHING_SENT, failure: null };
  const records = batch.flatMap((one) => one.records);
  const open = new Set<string | undefined>();
  let outcome: Pick<ImportReport, "answer" | "failure">;
  try {
    outcome = { answer: await send(records), failure: null };
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    for (const record of error.unsent) open.add(record.id);
    outcome = { answer: error.answer, failure: { kind: error.kind, reason: error.message } };
  }
  for (const rejected of outcome.answer.rejected) open.add(records[rejected.index]?.id);
  state.add(batch.filter((one) => !one.records.some((record) => open.has(record.id))).map((one) => one.sent));
  return outcome;
}

function wholeUsage(usage: NonNullable<ExecutionInput["usage"]>): Usage {
  const { cache_read_tokens = 0, cache_write_5m_tokens = 0, cache_write_1h_tokens = 0 } = usage;
  return { ...usage, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens };
}

function count(executions: ImportReport["executions"], one: PlannedExecution): void {
  const status = one.records[0]?.status;
  if (one.kind === "continuation") executions.continuations += 1;
  else if (one.kind === "pending") executions.pending += 1;
  else if (status === "failed") executions.failed += 1;
  else executions.completed += 1;
}
