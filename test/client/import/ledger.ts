import { executionInput } from "../../../shared/agent/execution.ts";
import type { Execution, ExecutionInput } from "../../../shared/agent/execution.ts";
import { addUsage, NO_USAGE } from "../../../shared/agent/usage.ts";
import type { Usage } from "../../../shared/agent/usage.ts";
import type { IngestAnswer } from "../../../client/ingest-answer.ts";
import { importTranscripts } from "../../../client/import/import-transcripts.ts";
import type { ImportOptions, ImportReport } from "../../../client/import/import-transcripts.ts";
import { createRecordedRuns } from "../../../client/import/recorded-runs.ts";
import { createImportState } from "../../../client/import/import-state.ts";
import { START } from "./transcript-lines.ts";

/** What the server promises, without a server: one record for each id, pending ones completed once. */
export interface Ledger {
  readonly records: Map<string, Execution>;
  send(executions: readonly ExecutionInput[]): Promise<IngestAnswer>;
}

export function createLedger(): Ledger {
  const records = new Map<string, Execution>();
  return {
    records,
    send: async (executions) => {
      const answer: IngestAnswer = { accepted: 0, duplicates: 0, updated: 0, rejected: [], warnings: [] };
      for (const input of executions) {
        const record = executionInput.parse(input);
        const known = records.get(record.id);
        if (known === undefined) answer.accepted += 1;
        else if (known.status === "pending" && record.status !== "pending") answer.updated += 1;
        else {
          answer.duplicates += 1;
          continue;
        }
        records.set(record.id, record);
      }
      return answer;
    },
  };
}

export function totalsOf(ledger: Ledger): Usage & { requests: number } {
  let usage: Usage = NO_USAGE;
  let requests = 0;
  for (const record of ledger.records.values()) {
    for (const request of record.requests ?? []) {
      usage = addUsage(usage, request.usage);
      requests += 1;
    }
  }
  return { ...usage, requests };
}

export function listRecords(ledger: Ledger): Execution[] {
  return [...ledger.records.values()].sort(
    (a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp) || a.id.localeCompare(b.id),
  );
}

const DAY_MS = 24 * 60 * 60_000;
/** Long after everything: no session is still running. */
export const MUCH_LATER = START + 1_000 * DAY_MS;

export async function runImport(
  path: string,
  ledger: Ledger,
  options: Partial<ImportOptions> = {},
): Promise<ImportReport> {
  return importTranscripts({
    paths: [path],
    nowMs: MUCH_LATER,
    sinceMs: null,
    state: createImportState(),
    listRuns: () => createRecordedRuns([], []),
    send: (executions) => ledger.send(executions),
    ...options,
  });
}
