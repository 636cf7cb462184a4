import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createImportState, openImportState } from "../../../client/import/import-state.ts";
import { createLedger, listRecords, MUCH_LATER, runImport, totalsOf } from "./ledger.ts";
import { createFolder } from "./temporary-folder.ts";
import type { Line } from "./transcript-lines.ts";
import {
  formatLines,
  makeNested,
  makePrompt,
  makeReply,
  makeSystem,
  makeToolResult,
  SESSION,
  START,
  writeFiles,
} from "./transcript-lines.ts";

const MAIN = `projects/-work-shop/${SESSION}.jsonl`;
const AGENT = `projects/-work-shop/${SESSION}/subagents/agent-a1.jsonl`;

const SESSION_LINES: readonly Line[] = [
  makeReply("o1", 0, { message: "m0", output: 3 }),
  makePrompt("p1", 1, "first"),
  makeReply("a1", 2, { message: "m1", output: 1, stop: null, tool: { id: "t1", name: "Agent" } }),
  makeReply("a2", 3, { message: "m1", output: 30, stop: null, tool: { id: "t2", name: "Read" } }),
  makeNested("n1", 4, "t1", makeReply("s2", 4, { message: "m2", output: 1, stop: null })),
  makeToolResult("r1", 5, "t1"),
  makeReply("a3", 7, { message: "m4", output: 4, read: 50 }),
  makeSystem("d1", 7, "turn_duration"),
  makePrompt("p2", 400, "second é😀"),
  makeReply("a4", 402, { message: "m5", request: null, output: 2, stop: null }),
  makeReply("a5", 403, {
    message: "m5",
    request: null,
    output: 9,
    stop: null,
    tool: { id: "t3", name: "Bash" },
  }),
  makeToolResult("r2", 500, "t3"),
  makePrompt("n2", 600, "<task-notification><tool-use-id>t1</tool-use-id></task-notification>"),
  makeReply("a6", 601, { message: "m6", output: 6, write1h: 12 }),
  makePrompt("p3", 900, "third"),
  makeReply("a7", 902, { message: "m7", output: 7 }),
];
const AGENT_LINES: readonly Line[] = [
  makePrompt("s1", 3, "sub", { isSidechain: true }),
  makeReply("s2", 4, { message: "m2", output: 5 }, { isSidechain: true }),
  makeReply("s3", 550, { message: "m3", output: 8 }, { isSidechain: true }),
];

const ONE_SHOT = await importOnce();

async function importOnce() {
  const ledger = createLedger();
  const folder = await createWritten(formatLines(SESSION_LINES), formatLines(AGENT_LINES));
  await runImport(folder, ledger);
  await rm(folder, { recursive: true });
  return totalsOf(ledger);
}

async function createWritten(main: string | Buffer, agent: string): Promise<string> {
  const { mkdtemp } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const folder = await mkdtemp(join(tmpdir(), "netra-import-"));
  await writeFiles(folder, { [MAIN]: main, [AGENT]: agent });
  return folder;
}

it("counts everything of the session once", () => {
  expect(ONE_SHOT).toEqual({
    requests: 8,
    input_tokens: 8,
    output_tokens: 3 + 30 + 5 + 8 + 4 + 9 + 6 + 7,
    cache_read_tokens: 50,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 12,
  });
});

it("ends with the same totals wherever a first import found the files cut, even when it took them for finished", async () => {
  const main = Buffer.from(formatLines(SESSION_LINES));
  const cuts = [...lineEnds(main), ...Array.from({ length: 60 }, (_, index) => index * 71 + 13)];
  for (const cut of cuts.filter((at) => at < main.length)) {
    const folder = await createFolder();
    const ledger = createLedger();
    const state = createImportState();
    await writeFiles(folder, {
      [MAIN]: main.subarray(0, cut),
      [AGENT]: formatLines(AGENT_LINES.slice(0, cut % 4)),
    });
    await runImport(folder, ledger, { state });
    await writeFiles(folder, { [MAIN]: main, [AGENT]: formatLines(AGENT_LINES) });
    await runImport(folder, ledger, { state });
    expect({ cut, ...tokensOf(totalsOf(ledger)) }).toEqual({ cut, ...tokensOf(ONE_SHOT) });
  }
});

it("ends with the same records when it followed the session while it went on", async () => {
  const folder = await createFolder();
  const followed = createLedger();
  const state = createImportState();
  const times = [
    ...new Set([...SESSION_LINES, ...AGENT_LINES].map((line) => Date.parse(String(line["timestamp"])))),
  ];
  for (const nowMs of times.sort((a, b) => a - b)) {
    const written = (lines: readonly Line[]): string =>
      formatLines(lines.filter((line) => Date.parse(String(line["timestamp"])) <= nowMs));
    await writeFiles(folder, { [MAIN]: written(SESSION_LINES), [AGENT]: written(AGENT_LINES) });
    await runImport(folder, followed, { state, nowMs: nowMs + 1_000 });
  }
  await runImport(folder, followed, { state });
  expect(totalsOf(followed)).toEqual(ONE_SHOT);
  expect(listRecords(followed).filter((one) => one.status === "pending")).toEqual([]);
});

it("announces a prompt that is running as pending and completes it by the same id, also without a state", async () => {
  const folder = await createFolder();
  const ledger = createLedger();
  const lines = [
    makePrompt("p1", 0, "go"),
    makeReply("a1", 2, { message: "m1", tool: { id: "t", name: "Bash" } }),
    makeToolResult("r1", 60, "t"),
    makeReply("a2", 62, { message: "m2" }),
  ];
  await writeFiles(folder, { [MAIN]: formatLines(lines.slice(0, 2)) });
  const first = await runImport(folder, ledger, { nowMs: START + 3_000 });
  expect(first).toMatchObject({ executions: { pending: 1 }, answer: { accepted: 1 }, sentRequests: 0 });
  expect(listRecords(ledger)).toMatchObject([{ status: "pending", command: "go" }]);

  await writeFiles(folder, { [MAIN]: formatLines(lines) });
  const still = await runImport(folder, ledger, { nowMs: START + 63_000 });
  expect(still).toMatchObject({ executions: { pending: 1 }, answer: { duplicates: 1 } });
  const last = await runImport(folder, ledger, { nowMs: START + 600_000 });
  expect(last).toMatchObject({ executions: { completed: 1 }, answer: { updated: 1 } });
  expect(listRecords(ledger)).toMatchObject([{ status: "completed", requests: [{}, {}] }]);
});

it("finishes a prompt as soon as the next one is there and things are quiet, and leaves an open one its day", async () => {
  const folder = await createFolder();
  const open = [
    makePrompt("p1", 0, "go"),
    makeReply("a1", 2, { message: "m1", tool: { id: "t", name: "Bash" } }),
  ];
  const statuses = async (lines: readonly Line[], nowMs: number) => {
    await writeFiles(folder, { [MAIN]: formatLines(lines) });
    const ledger = createLedger();
    await runImport(folder, ledger, { nowMs });
    return listRecords(ledger).map((one) => one.status);
  };
  expect(await statuses(open, START + 23 * 3_600_000)).toEqual(["pending"]);
  expect(await statuses(open, START + 25 * 3_600_000)).toEqual(["failed"]);
  expect(await statuses([...open, makePrompt("p2", 100, "next")], START + 120_000)).toEqual([
    "failed",
    "pending",
  ]);
  const unsure = [makePrompt("p1", 0, "go"), makeReply("a1", 2, { message: "m1", stop: null })];
  expect(await statuses(unsure, START + 120_000)).toEqual(["pending"]);
  const sure = [makePrompt("p1", 0, "go"), makeReply("a1", 2, { message: "m1" })];
  expect(await statuses(sure, START + 3_000)).toEqual(["pending"]);
  expect(await statuses(sure, START + 5_000)).toEqual(["completed"]);
  expect(await statuses(unsure, START + 700_000)).toEqual(["completed"]);
});

it("adds nothing when the same files are imported again, with the state and without", async () => {
  const folder = await createFolder();
  await writeFiles(folder, { [MAIN]: formatLines(SESSION_LINES), [AGENT]: formatLines(AGENT_LINES) });
  const ledger = createLedger();
  const state = createImportState();
  const first = await runImport(folder, ledger, { state });
  expect(await runImport(folder, ledger, { state })).toMatchObject({
    sentRequests: 0,
    skipped: { alreadySent: first.answer.accepted },
    answer: { accepted: 0, duplicates: 0 },
  });
  const again = await runImport(folder, ledger);
  expect(again.answer).toMatchObject({ accepted: 0, updated: 0, duplicates: first.answer.accepted });
  expect(totalsOf(ledger)).toEqual(ONE_SHOT);
});

it("sends late requests of a finished prompt as a continuation that names it, once", async () => {
  const folder = await createFolder();
  const ledger = createLedger();
  const state = createImportState();
  const main = formatLines([makePrompt("p1", 0, "go"), makeReply("a1", 2, { message: "m1" })]);
  await writeFiles(folder, { [MAIN]: main });
  await runImport(folder, ledger, { state });
  const [finished] = listRecords(ledger);
  await writeFiles(folder, { [AGENT]: formatLines(AGENT_LINES) });
  await runImport(folder, ledger, { state });
  const report = await runImport(folder, ledger, { state });
  expect(report.skipped.alreadySent).toBe(1);
  expect(listRecords(ledger)).toMatchObject([
    { id: finished?.id, requests: [{ id: "req_m1" }] },
    {
      command: "go",
      output: { continuation_of: finished?.id },
      requests: [{ id: "req_m2" }, { id: "req_m3" }],
    },
  ]);
});

it("remembers between processes what a server has confirmed, for each server and key apart", async () => {
  const folder = await createFolder();
  await writeFiles(folder, { [MAIN]: formatLines(SESSION_LINES) });
  const stateFolder = join(folder, "state");
  const connection = { url: "http://127.0.0.1:1/ingest", apiKey: "ntr_a" };
  const ledger = createLedger();
  const { appendFileSync, readdirSync } = await import("node:fs");
  const first = await runImport(join(folder, "projects"), ledger, {
    state: openImportState(stateFolder, connection),
  });
  const [file] = readdirSync(join(stateFolder, "import"));
  appendFileSync(join(stateFolder, "import", file ?? ""), '{"id":"torn","requests":{"a":"1,');
  const second = await runImport(join(folder, "projects"), ledger, {
    state: openImportState(stateFolder, connection),
  });
  expect(second.skipped.alreadySent).toBe(first.answer.accepted);
  const other = openImportState(stateFolder, { ...connection, apiKey: "ntr_b" });
  expect((await runImport(join(folder, "projects"), ledger, { state: other })).skipped.alreadySent).toBe(0);
  const forgotten = openImportState(stateFolder, connection, { forget: true });
  expect((await runImport(join(folder, "projects"), ledger, { state: forgotten })).skipped.alreadySent).toBe(
    0,
  );
});

it("does not take for sent what the server rejected or was not reached with", async () => {
  const { SendError } = await import("../../../client/send.ts");
  const { NOTHING_SENT } = await import("../../../client/ingest-answer.ts");
  const folder = await createFolder();
  await writeFiles(folder, { [MAIN]: formatLines(SESSION_LINES) });
  const state = createImportState();
  const ledger = createLedger();
  const away = await runImport(folder, ledger, {
    state,
    send: async (executions) => {
      await ledger.send(executions.slice(0, 1));
      throw new SendError("away", "nobody answers", { ...NOTHING_SENT, accepted: 1 }, executions.slice(1));
    },
  });
  expect(away.failure).toEqual({ kind: "away", reason: "nobody answers" });
  const rejecting = await runImport(folder, ledger, {
    state,
    send: async (executions) => ({
      ...NOTHING_SENT,
      rejected: executions.map(({ id }, index) => ({ index, id, errors: [] })),
    }),
  });
  expect(rejecting.skipped.alreadySent).toBe(1);
  await runImport(folder, ledger, { state });
  const whole = createLedger();
  await runImport(folder, whole);
  expect(totalsOf(ledger)).toEqual(totalsOf(whole));
});

it("changes nothing in a dry run", async () => {
  const folder = await createFolder();
  await writeFiles(folder, { [MAIN]: formatLines(SESSION_LINES) });
  const state = createImportState();
  const dry = await runImport(folder, createLedger(), { state, send: null });
  expect(dry).toMatchObject({ answer: { accepted: 0 }, executions: { completed: 3, failed: 1 } });
  expect((await runImport(folder, createLedger(), { state, nowMs: MUCH_LATER })).skipped.alreadySent).toBe(0);
});

function tokensOf({ requests, ...tokens }: typeof ONE_SHOT) {
  expect(requests).toBeGreaterThan(0);
  return tokens;
}

function lineEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) ends.push(at, at + 1);
  return ends;
}
