import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ExecutionInput } from "../shared/agent/execution.ts";
import { isMissing, writeAtomically } from "./atomic-file.ts";
import type { Target } from "./spool.ts";
import { spoolTarget } from "./spool.ts";
import { privateFolder } from "./state-dir.ts";
import { countsOf } from "./usage-kinds.ts";

/**
 * What the runs on this machine have put on record, so that an import of the transcripts their agents wrote leaves it
 * out. A note is there before the record is sent and goes when the server rejects it. It is kept for 90 days from the
 * run or from the last import that met it: transcripts live for 30 days, those of resumed sessions longer.
 */
const counts = z.tuple([z.int().min(0), z.int().min(0), z.int().min(0), z.int().min(0), z.int().min(0)]);
const runNote = z.object({
  netraRun: z.literal(1),
  execution: z.string(),
  session: z.string().nullable(),
  startMs: z.number(),
  endMs: z.number(),
  /**
   * - `everything`: the record holds all that the agent's process used,
   * - `main-loop`: all of the conversation itself, but not what its sub-agents used,
   * - `requests`: the noted requests, each wholly,
   * - `tokens`: the noted tokens of the noted requests, whose answers were not counted,
   * - `nothing`: no tokens.
   */
  covers: z.enum(["everything", "main-loop", "requests", "tokens", "nothing"]),
  /** Requests the run has seen: message id, with the request id behind it where it is known. */
  requests: z.record(z.string(), counts),
  /** Where the record goes; null when no server was configured. */
  target: spoolTarget.nullable(),
});
export type RunNote = z.infer<typeof runNote>;

const KEPT_MS = 90 * 24 * 3_600_000;
const NOTES_MAX = 20_000;
const SUFFIX = ".json";

/** Notes the run of a record; `endMs` is when its agent had ended. Nothing to note without a session and requests. */
export function noteRun(
  stateFolder: string,
  execution: ExecutionInput,
  endMs: number,
  target: Target | null,
): void {
  const note = describeRun(execution, endMs, target);
  if (note.session === null && Object.keys(note.requests).length === 0) return;
  const path = join(privateFolder(stateFolder, "runs"), `${execution.id}${SUFFIX}`);
  writeAtomically(path, JSON.stringify(note), { durable: true });
}

/** What a record, finished or not, accounts for. */
export function describeRun(execution: ExecutionInput, endMs: number, target: Target | null): RunNote {
  const { id, timestamp, session, output, requests } = execution;
  const own = (requests ?? []).filter((request) => !request.id.startsWith(`${id}:`));
  return {
    netraRun: 1,
    execution: id,
    session: session?.session_id ?? null,
    startMs: Date.parse(timestamp),
    endMs,
    covers: coverOf(execution.usage ?? null, own.length > 0, output ?? {}),
    requests: Object.fromEntries(own.map(({ id: name, usage }) => [name, countsOf(usage)])),
    target,
  };
}

function coverOf(
  usage: ExecutionInput["usage"] | null,
  isNamed: boolean,
  { usage_source: source, usage_confidence: confidence }: Record<string, unknown>,
): RunNote["covers"] {
  if (usage === null) return "nothing";
  if (source === "main_loop") return "main-loop";
  if (source !== "stream" || !isNamed) return "everything";
  return confidence === "lower_bound" ? "tokens" : "requests";
}

/** Forgets runs whose records the server does not want: an import may then bring them. */
export function forgetRuns(stateFolder: string, executionIds: readonly string[]): void {
  for (const id of executionIds) rmSync(join(stateFolder, "runs", `${id}${SUFFIX}`), { force: true });
}

/** The records have gone to another server than was planned. */
export function redirectRuns(stateFolder: string, executionIds: readonly string[], target: Target): void {
  for (const id of executionIds) {
    const path = join(stateFolder, "runs", `${id}${SUFFIX}`);
    const note = readNote(path);
    if (note !== null) writeAtomically(path, JSON.stringify({ ...note, target }), { durable: true });
  }
}

/** Notes of runs whose records are with one of a server's keys, or meant for any server. All of them for null. */
export function listRunNotes(stateFolder: string, target: Target | null): RunNote[] {
  return listNames(stateFolder).flatMap((name) => {
    const note = readNote(join(stateFolder, "runs", name));
    return note !== null && isMeantFor(note.target, target) ? [note] : [];
  });
}

/** A server can move and a key can be replaced; when both are others, it is another ledger. */
export function isMeantFor(meant: Target | null, target: Target | null): boolean {
  return meant === null || target === null || meant.url === target.url || meant.key === target.key;
}

/** Keeps notes of runs that are still to be found in transcripts. */
export function renewRunNotes(stateFolder: string, executionIds: Iterable<string>, now = Date.now()): void {
  for (const id of executionIds) {
    try {
      utimesSync(join(stateFolder, "runs", `${id}${SUFFIX}`), now / 1_000, now / 1_000);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}

/** Forgets runs whose transcripts are gone, and the oldest beyond the bound. */
export function pruneRunNotes(stateFolder: string, now = Date.now(), notesMax = NOTES_MAX): void {
  const names = listNames(stateFolder);
  const surplus = names.length - notesMax;
  for (const [at, name] of names.entries()) {
    // Names begin with the time, so that the young ones need not be looked at.
    if (at >= surplus && now - timeOf(name) <= KEPT_MS) continue;
    const path = join(stateFolder, "runs", name);
    try {
      if (at < surplus || now - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { force: true });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}

/** Names of the notes, oldest first: they are UUIDs of version 7. */
function listNames(stateFolder: string): string[] {
  const folder = join(stateFolder, "runs");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .sort();
}

function timeOf(name: string): number {
  const time = Number.parseInt(name.slice(0, 13).replace("-", ""), 16);
  return Number.isNaN(time) ? 0 : time;
}

/** Null when it is not there any more or damaged: the run is then imported like any other session. */
function readNote(path: string): RunNote | null {
  try {
    return runNote.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}
