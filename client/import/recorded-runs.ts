import { totalTokens } from "../../shared/agent/usage.ts";
import type { Usage } from "../../shared/agent/usage.ts";
import { CLAUDE } from "../agent/agent-command.ts";
import type { RunUnderWay } from "../pending.ts";
import { listRunsUnderWay } from "../pending.ts";
import type { RunNote } from "../run-notes.ts";
import { listRunNotes } from "../run-notes.ts";
import type { Target } from "../spool.ts";
import type { Prompt } from "./prompts.ts";
import type { ModelCall } from "./request-index.ts";
import { usageBeyond, usageFrom } from "../usage-kinds.ts";

/** What `netra run` knows of a prompt that was found in a transcript. */
type Recording =
  | { readonly kind: "none" }
  /** A run that is under way will record it, or may. */
  | { readonly kind: "under-way" }
  /** A run has it on record, but for the calls that are left. */
  | { readonly kind: "recorded"; readonly executionId: string; readonly left: ModelCall[] };

export interface RecordedRuns {
  /** `timestampMs` is when the prompt was given. */
  find(prompt: Prompt, calls: readonly ModelCall[], timestampMs: number): Recording;
  /** Runs that were met. */
  readonly met: ReadonlySet<string>;
}

interface Run extends RunNote {
  readonly running: boolean;
  /** Requests by their message id alone: not every version shows the request id. */
  readonly byMessage: ReadonlyMap<string, Usage>;
  readonly byName: ReadonlyMap<string, Usage>;
}

const NONE: Recording = { kind: "none" };
const UNDER_WAY: Recording = { kind: "under-way" };

/** What the runs of a state folder have recorded on a server, or on any for null. */
export function readRecordedRuns(stateFolder: string, target: Target | null): RecordedRuns {
  // Those under way first: a run makes its note before it stops being one.
  const underWay = listRunsUnderWay(stateFolder, target);
  return createRecordedRuns(listRunNotes(stateFolder, target), underWay);
}

/**
 * Tells which prompts and requests of transcripts runs have put on record. A run is met by the requests it has seen; one
 * that saw none (its output held only the result) by its session and time. Its record then accounts for what the prompt
 * used while it ran, as far as the note says, and for nothing before or after.
 */
export function createRecordedRuns(
  notes: readonly RunNote[],
  underWay: readonly RunUnderWay[],
): RecordedRuns {
  const unfinished = new Set(underWay.map(({ execution }) => execution));
  const runs = [
    ...underWay.map((run) => toRun(run, run.running)),
    ...notes.filter((note) => !unfinished.has(note.execution)).map((note) => toRun(note, false)),
  ];
  const bySession = new Map<string, Run[]>();
  const byMessage = new Map<string, Run[]>();
  for (const run of runs) {
    if (run.session !== null) append(bySession, run.session, run);
    for (const message of run.byMessage.keys()) append(byMessage, message, run);
  }
  // A run whose session is not known yet can be writing any of the transcripts.
  const namelessSince = underWay
    .filter(({ running, session, agent }) => running && session === null && agent === CLAUDE)
    .reduce((first, { startMs }) => Math.min(first, startMs), Number.POSITIVE_INFINITY);
  const met = new Set<string>();

  const runsOf = (prompt: Prompt, calls: readonly ModelCall[], timestampMs: number): Set<Run> => {
    const found = new Set<Run>();
    for (const call of calls) {
      for (const run of byMessage.get(messageOf(call)) ?? [])
        if (isDuring(run, call.timestampMs ?? timestampMs)) found.add(run);
    }
    for (const run of bySession.get(prompt.sessionId ?? prompt.rank[2]) ?? []) {
      const isOwn = isDuring(run, timestampMs) && (calls.length === 0 || run.byName.size === 0);
      const isAlive = run.running && [timestampMs, ...timesOf(calls)].some((time) => isDuring(run, time));
      const isOrphaned = prompt.orphans && timesOf(calls).some((time) => isDuring(run, time));
      if (isOwn || isAlive || isOrphaned) found.add(run);
    }
    return found;
  };

  return {
    met,
    find: (prompt, calls, timestampMs) => {
      const found = runsOf(prompt, calls, timestampMs);
      for (const run of found) met.add(run.execution);
      if (timestampMs >= namelessSince || [...found].some((run) => run.running)) return UNDER_WAY;
      const [first] = found;
      if (first === undefined) return NONE;
      let left = [...calls];
      for (const run of found) left = left.flatMap((call) => withoutRecorded(run, call, timestampMs));
      return { kind: "recorded", executionId: first.execution, left };
    },
  };
}

/** The call as far as the run has not put it on record. */
function withoutRecorded(run: Run, call: ModelCall, timestampMs: number): ModelCall[] {
  if (!isDuring(run, call.timestampMs ?? timestampMs)) return [call];
  switch (run.covers) {
    case "everything":
      return [];
    case "main-loop":
      return call.agent === "" && !call.sidechain ? [] : [call];
    case "nothing":
      return [call];
    case "requests":
      return usageOf(run, call) === undefined ? [call] : [];
    case "tokens": {
      const noted = usageOf(run, call);
      if (noted === undefined) return [call];
      const usage = usageBeyond(call.usage, noted);
      if (usage === null) return [];
      const requestId = `${call.requestId || call.key}+${totalTokens(call.usage)}`;
      return [{ ...call, requestId, usage, tools: [], webSearches: 0 }];
    }
    default:
      return run.covers satisfies never;
  }
}

function usageOf(run: Run, call: ModelCall): Usage | undefined {
  const message = messageOf(call);
  if (message === call.key) return run.byMessage.get(message);
  return run.byName.get(call.key) ?? run.byName.get(message);
}

function toRun(note: RunNote, running: boolean): Run {
  const named = Object.entries(note.requests).map(([name, counts]) => [name, usageFrom(counts)] as const);
  return {
    ...note,
    running,
    byName: new Map(named),
    byMessage: new Map(named.map(([name, usage]) => [name.split("|", 1)[0] ?? name, usage])),
  };
}

/** The name of a call is its message id, with the request id behind it. */
function messageOf({ key }: ModelCall): string {
  return key.split("|", 1)[0] ?? key;
}

function timesOf(calls: readonly ModelCall[]): number[] {
  return calls.flatMap(({ timestampMs }) => timestampMs ?? []);
}

function isDuring({ startMs, endMs }: RunNote, timeMs: number): boolean {
  return startMs <= timeMs && timeMs <= endMs;
}

function append(map: Map<string, Run[]>, key: string, run: Run): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [run]);
  else known.push(run);
}
