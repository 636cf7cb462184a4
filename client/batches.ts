import type { ExecutionInput } from "../shared/agent/execution.ts";

/** Under the server's 5,000 records and 10 MB, with room for a proxy's own ideas. */
const BATCH_LIMITS: Readonly<BatchLimits> = { recordsMax: 5_000, bytesMax: 8_000_000 };

interface BatchLimits {
  recordsMax: number;
  /** Of the lines before compression. */
  bytesMax: number;
}

/** Records that travel in one request, as they are written on the wire. */
export interface Batch {
  /** Position of the first record among all that were given. */
  readonly offset: number;
  readonly lines: readonly string[];
}

/** Cuts records into requests. A record over the limit travels alone: the server is the one to refuse it. */
export function* cutBatches(executions: Iterable<ExecutionInput>, limits = BATCH_LIMITS): Generator<Batch> {
  let lines: string[] = [];
  let bytes = 0;
  let offset = 0;
  for (const execution of executions) {
    const line = JSON.stringify(execution);
    const size = Buffer.byteLength(line) + 1;
    if (lines.length > 0 && (lines.length >= limits.recordsMax || bytes + size > limits.bytesMax)) {
      yield { offset, lines };
      offset += lines.length;
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += size;
  }
  if (lines.length > 0) yield { offset, lines };
}
