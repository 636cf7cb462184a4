import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claudeCommand } from "../../client/agent/agent-command.ts";
import { readLine } from "../../client/agent/messages.ts";
import { createObserver } from "../../client/agent/observe.ts";
import { endedRecord } from "../../client/agent/run-record.ts";
import { createRecordedRuns } from "../../client/import/recorded-runs.ts";
import type { RunNote } from "../../client/run-notes.ts";
import {
  describeRun,
  forgetRuns,
  listRunNotes,
  noteRun,
  pruneRunNotes,
  renewRunNotes,
} from "../../client/run-notes.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { createLedger, runImport } from "./import/ledger.ts";
import { CAPTURES, haveCaptures } from "./import/shared-data.ts";

const DAY_MS = 86_400_000;
const NOW = Date.parse("2026-11-20T12:00:00Z");
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "netra-notes-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function note(daysAgo: number): string {
  const at = NOW - daysAgo * DAY_MS;
  const id = uuidv7({ msecs: at });
  noteRun(folder, makeExecution({ id, session: { session_id: "s" } }), at, null);
  utimesSync(join(folder, "runs", `${id}.json`), at / 1_000, at / 1_000);
  return id;
}

function noted(): string[] {
  return listRunNotes(folder, null).map(({ execution }) => execution);
}

describe("notes of runs", () => {
  it("are kept for 90 days, and longer while imports still meet their transcripts", () => {
    const [old, met, young] = [note(91), note(91), note(89)];
    renewRunNotes(folder, [met, "never-noted"], NOW - DAY_MS);
    pruneRunNotes(folder, NOW);
    expect(noted().sort()).toEqual([met, young].sort());
    expect(noted()).not.toContain(old);
  });

  it("are bounded in number; the oldest go first", () => {
    const ids = [3, 2, 1].map(note);
    pruneRunNotes(folder, NOW, 2);
    expect(noted()).toEqual(ids.slice(1));
  });

  it("are those of the asked server, known by its address or its key", () => {
    const target = { url: "http://a", key: "1" };
    const id = uuidv7();
    noteRun(folder, makeExecution({ id, session: { session_id: "s" } }), NOW, target);
    expect(listRunNotes(folder, { url: "http://a", key: "2" })).toHaveLength(1);
    expect(listRunNotes(folder, { url: "http://b", key: "1" })).toHaveLength(1);
    expect(listRunNotes(folder, { url: "http://b", key: "2" })).toEqual([]);
    forgetRuns(folder, [id]);
    expect(noted()).toEqual([]);
  });

  it("are not made of a run whose agent named no session", () => {
    noteRun(folder, makeExecution({ session: { agent: "claude-code" } }), NOW, null);
    expect(listRunNotes(folder, null)).toEqual([]);
  });
});

describe.skipIf(!haveCaptures)("notes of real runs", () => {
  const captures = haveCaptures
    ? readdirSync(CAPTURES).filter((name) => findOutput(join(CAPTURES, name)) !== undefined)
    : [];

  it.each(captures)("leave nothing of the transcripts of %s to import", async (name) => {
    const path = join(CAPTURES, name, "projects");
    const ledger = createLedger();
    const report = await runImport(path, ledger, {
      listRuns: () => createRecordedRuns([noteOf(join(CAPTURES, name))], []),
    });
    expect(report.requests).toBeGreaterThanOrEqual(name.endsWith("bad") ? 0 : 1);
    expect(report.skipped).toMatchObject({ recordedByRun: 1, underWay: 0 });
    expect([...ledger.records.values()]).toEqual([]);
  });
});

function findOutput(path: string): string | undefined {
  return readdirSync(path).find((name) => name.startsWith("stdout."));
}

/** The note of a run with the output of a captured one, in the time its transcripts tell. */
function noteOf(path: string): RunNote {
  const observer = createObserver(() => NOW);
  const output = findOutput(path) ?? "";
  const text = readFileSync(join(path, output), "utf8").trim();
  for (const line of output.endsWith(".jsonl") ? text.split("\n") : [JSON.stringify(JSON.parse(text))]) {
    const reading = readLine(line);
    if (reading.kind === "messages") for (const message of reading.messages) observer.add(message);
  }
  const times = readdirSync(join(path, "projects"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap(
      (name) => readFileSync(join(path, "projects", name), "utf8").match(/"timestamp":"([^"]+)"/g) ?? [],
    )
    .map((field) => Date.parse(field.slice('"timestamp":"'.length, -1)));
  const timestamp = new Date(Math.min(...times)).toISOString();
  const { usage: _usage, model: _model, ...start } = makeExecution({ status: "pending", timestamp });
  const { execution } = endedRecord(
    {
      start,
      agent: claudeCommand("claude", "do it", []),
      observation: observer.observation,
      lineage: { resumed: false, before: null },
      elapsedMs: 1,
      linesSkipped: 0,
    },
    { exitCode: 0, signal: null, timedOut: false, stoppedBy: null, startError: null, stderrTail: "" },
  );
  return describeRun(execution, Math.max(...times), null);
}
