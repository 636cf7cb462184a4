import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ExecutionInput } from "../shared/agent/execution.ts";
import { executionInput } from "../shared/agent/execution.ts";
import { isMissing, writeAtomically } from "./atomic-file.ts";
import { findProcess, identifyProcess, processIdentity } from "./process-identity.ts";
import type { RunNote } from "./run-notes.ts";
import { describeRun, isMeantFor, noteRun } from "./run-notes.ts";
import type { Spool, Target } from "./spool.ts";
import { addToSpool, spoolTarget } from "./spool.ts";
import { privateFolder } from "./state-dir.ts";

/**
 * The record of a run that has not been delivered yet, on disk from before the agent starts until the server or the
 * spool has it. When the client is killed, whoever comes next closes the run from this file.
 */
export interface PendingRun {
  /** Replaces the record, also as a sign of life; `final` once the run has ended and only delivery is left. */
  write(execution: ExecutionInput, final: boolean): void;
  remove(): void;
}

export const KILLED_MESSAGE = "the client was killed before the agent had ended";
const SILENT_MS_MAX = 10 * 60_000;

const pendingFile = z.object({
  netraPending: z.literal(1),
  owner: processIdentity,
  target: spoolTarget.nullable(),
  final: z.boolean(),
  execution: executionInput,
});

export function createPending(
  stateFolder: string,
  execution: ExecutionInput,
  target: Target | null,
): PendingRun {
  const path = join(privateFolder(stateFolder, "pending"), `${execution.id}.json`);
  const owner = identifyProcess(process.pid);
  const write = (record: ExecutionInput, final: boolean): void => {
    writeAtomically(path, JSON.stringify({ netraPending: 1, owner, target, final, execution: record }), {
      durable: final,
    });
  };
  write(execution, false);
  return {
    write,
    remove: () => rmSync(path, { force: true }),
  };
}

/**
 * Moves the runs whose client has ended into the spool, as failed if they had not come to their end. Safe to run from
 * several processes at once: a run closed twice is one record with one id.
 */
export function finishOrphans(
  stateFolder: string,
  spool: Spool,
  now: number = Date.now(),
): { closed: number } {
  const folder = privateFolder(stateFolder, "pending");
  let closed = 0;
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".json")) continue;
    const path = join(folder, name);
    try {
      const seen = statSync(path).mtimeMs;
      const parsed = parsePending(readFileSync(path, "utf8"));
      if (parsed === null) {
        renameSync(path, `${path}.damaged`);
        continue;
      }
      if (isRunning(parsed, seen, now)) continue;
      const { execution } = parsed;
      noteRun(stateFolder, execution, seen, parsed.target);
      addToSpool(spool, [parsed.final ? execution : asKilled(execution, seen)], parsed.target);
      rmSync(path, { force: true });
      closed += 1;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return { closed };
}

export interface RunUnderWay extends RunNote {
  /** The agent may still add to it; when it is false, the record only waits to be sent. */
  readonly running: boolean;
  readonly agent: string | null;
}

/** Runs whose records have not been delivered yet, of those meant for a server; all of them for null. */
export function listRunsUnderWay(
  stateFolder: string,
  target: Target | null,
  now: number = Date.now(),
): RunUnderWay[] {
  const folder = join(stateFolder, "pending");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  return names.flatMap((name) => {
    try {
      const seen = statSync(join(folder, name)).mtimeMs;
      const parsed = parsePending(readFileSync(join(folder, name), "utf8"));
      if (parsed === null || !isMeantFor(parsed.target, target)) return [];
      const running = !parsed.final && isRunning(parsed, seen, now);
      const endMs = running ? Number.POSITIVE_INFINITY : seen;
      const agent = parsed.execution.session?.agent ?? null;
      return [{ ...describeRun(parsed.execution, endMs, parsed.target), running, agent }];
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  });
}

function isRunning({ owner }: z.infer<typeof pendingFile>, seen: number, now: number): boolean {
  const state = findProcess(owner);
  return state === "running" || (state === "elsewhere" && now - seen < SILENT_MS_MAX);
}

function asKilled(execution: ExecutionInput, seenAt: number): ExecutionInput {
  return {
    ...execution,
    status: "failed",
    error_message: KILLED_MESSAGE,
    output: { ...execution.output, last_seen_at: new Date(seenAt).toISOString(), closed_by: "netra" },
  };
}

function parsePending(text: string): z.infer<typeof pendingFile> | null {
  try {
    return pendingFile.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
