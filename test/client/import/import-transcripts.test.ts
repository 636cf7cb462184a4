import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Execution } from "../../../shared/agent/execution.ts";
import { createLedger, listRecords, runImport, totalsOf } from "./ledger.ts";
import { createFolder } from "./temporary-folder.ts";
import type { Line } from "./transcript-lines.ts";
import {
  at,
  formatLines,
  makeAttachment,
  makeNested,
  makePrompt,
  makeReply,
  makeSystem,
  makeToolResult,
  SESSION,
  writeFiles,
} from "./transcript-lines.ts";

const MAIN = `projects/-work-shop/${SESSION}.jsonl`;
const AGENT = `projects/-work-shop/${SESSION}/subagents/agent-a1.jsonl`;

async function importLines(lines: readonly Line[], more: Readonly<Record<string, readonly Line[]>> = {}) {
  const folder = await createFolder();
  const files = { [MAIN]: lines, ...more };
  await writeFiles(
    folder,
    Object.fromEntries(Object.entries(files).map(([name, of]) => [name, formatLines(of)])),
  );
  const ledger = createLedger();
  const report = await runImport(folder, ledger);
  return { folder, ledger, report, records: listRecords(ledger) };
}

function long(word: string): string {
  return `${word} `.repeat(4_000).trim();
}

function byNumber(a = 0, b = 0): number {
  return a - b;
}

function only(records: readonly Execution[]): Execution {
  const [record] = records;
  if (record === undefined || records.length !== 1) throw new Error(`${records.length} records`);
  return record;
}

it("makes one execution of a prompt with its requests, tools, sub-agents and time", async () => {
  const { records } = await importLines(
    [
      makePrompt("p1", 0, "add a cart", { promptId: "prompt-1", entrypoint: "cli" }),
      makeReply("a1", 2, { message: "m1", output: 1, tool: { id: "t1", name: "Agent" } }),
      makeReply("a2", 3, {
        message: "m1",
        output: 40,
        write5m: 5,
        write1h: 7,
        tool: { id: "t2", name: "Read" },
      }),
      makeToolResult("r1", 9, "t1"),
      makeToolResult("r2", 9, "t2"),
      makeReply("a3", 12, {
        message: "m2",
        output: 3,
        read: 100,
        usage: { speed: "fast", inference_geo: "us" },
      }),
    ],
    {
      [AGENT]: [
        makePrompt("s1", 4, "look around", { isSidechain: true, agentId: "a1" }),
        makeReply(
          "s2",
          6,
          { message: "m3", model: "claude-haiku-4-5", output: 8 },
          { isSidechain: true, agentId: "a1" },
        ),
      ],
    },
  );
  expect(only(records)).toMatchObject({
    timestamp: at(0),
    command: "add a cart",
    status: "completed",
    source: "import",
    model: "claude-sonnet-4-6",
    tool_calls: 2,
    execution_time_ms: 12_000,
    workspace: { directory: "/home/ada/shop", branch: "main" },
    session: {
      session_id: SESSION,
      agent: "claude-code",
      agent_version: "2.1.100",
      prompt_id: "prompt-1",
      entrypoint: "cli",
    },
    output: { stop_reason: "end_turn", tools: { Agent: 1, Read: 1 }, subagents: 1 },
    requests: [
      { id: "req_m1", usage: { output_tokens: 40, cache_write_5m_tokens: 5, cache_write_1h_tokens: 7 } },
      { id: "req_m3", model: "claude-haiku-4-5", usage: { output_tokens: 8 } },
      { id: "req_m2", speed: "fast", inference_geo: "us", usage: { cache_read_tokens: 100 } },
    ],
  });
});

it("sends no text of the conversation but the command", async () => {
  const { ledger } = await importLines([
    makePrompt("p1", 0, "deploy with sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"),
    makeReply("a1", 2, { message: "m1" }),
  ]);
  const sent = JSON.stringify([...ledger.records.values()]);
  expect(sent).not.toContain("secret answer");
  expect(sent).not.toContain("abcdefghijklmnopqrstuvwxyz");
  expect(sent).toContain("deploy with");
});

it("takes only what a user asked as prompts", async () => {
  const { records } = await importLines([
    makePrompt("c0", 0, "<local-command-caveat>Caveat: …</local-command-caveat>", { isMeta: true }),
    makePrompt(
      "c1",
      0,
      "<command-name>/clear</command-name>\n<command-message>clear</command-message>\n<command-args></command-args>",
    ),
    makePrompt("c2", 0, "<local-command-stdout></local-command-stdout>"),
    makePrompt(
      "p1",
      10,
      "<command-message>greet</command-message>\n<command-name>/greet</command-name>\n<command-args>bob --warm</command-args>",
    ),
    makePrompt("p1x", 10, [{ type: "text", text: "You are to greet bob" }], { isMeta: true }),
    makeReply("a1", 12, { message: "m1" }),
    makePrompt("cs", 15, "This session is being continued from …", {
      isCompactSummary: true,
      isVisibleInTranscriptOnly: true,
    }),
    makePrompt("n1", 16, "<task-notification>\n<task-id>x</task-id>\n</task-notification>"),
    makeReply("a2", 17, { message: "m2" }),
    makePrompt("p2", 20, [
      { type: "text", text: "<ide_opened_file>plan.md</ide_opened_file>" },
      { type: "text", text: "<system-reminder>be kind</system-reminder>\ncommit!" },
    ]),
    makeAttachment("q1", 21, { type: "queued_command", prompt: "and push" }),
    makeReply("a3", 22, { message: "m3" }),
    makePrompt("b1", 30, "<bash-input>git status</bash-input>"),
    makePrompt("b2", 30, "<bash-stdout>clean</bash-stdout><bash-stderr></bash-stderr>"),
    makePrompt("i1", 40, [{ type: "image", source: {} }]),
    makePrompt("i2", 40, [{ type: "text", text: "what is this?" }], { parentUuid: "i1" }),
    makeReply("a4", 42, { message: "m4" }),
  ]);
  expect(records.map((one) => [one.command, one.status, one.requests?.length])).toEqual([
    ["/clear", "completed", 0],
    ["/greet bob --warm", "completed", 2],
    ["commit!", "completed", 1],
    ["! git status", "completed", 0],
    ["what is this?", "completed", 1],
  ]);
  expect(records[2]?.output).toMatchObject({ queued_prompts: 1 });
});

it.each([
  [
    "an API error",
    [
      makeSystem("e0", 1, "api_error"),
      makeReply(
        "e1",
        2,
        { message: "x", request: null, model: "<synthetic>", stop: "stop_sequence" },
        { isApiErrorMessage: true, error: "rate_limit" },
      ),
    ],
    { status: "failed", error_message: "API error: rate_limit", requests: [], output: { api_errors: 2 } },
  ],
  [
    "a refusal",
    [makeReply("e1", 2, { message: "m1", stop: "refusal" })],
    { status: "failed", output: { refused: true } },
  ],
  [
    "an interruption",
    [
      makeReply("e1", 2, { message: "m1", tool: { id: "t", name: "Bash" } }),
      makeToolResult("e2", 3, "t"),
      makePrompt("e3", 3, [{ type: "text", text: "[Request interrupted by user for tool use]" }]),
    ],
    { status: "failed", error_message: "interrupted by the user", output: { interrupted: true } },
  ],
  [
    "the turn limit",
    [
      makeReply("e1", 2, { message: "m1", tool: { id: "t", name: "Bash" } }),
      makeToolResult("e2", 3, "t"),
      makeAttachment("e3", 3, { type: "max_turns_reached", maxTurns: 1 }),
    ],
    { status: "failed", error_message: "stopped at the turn limit" },
  ],
  [
    "a killed agent",
    [makeReply("e1", 2, { message: "m1", tool: { id: "t", name: "Bash" } })],
    { status: "failed" },
  ],
  [
    "a refusal answered by another model",
    [makeSystem("e0", 1, "model_refusal_fallback"), makeReply("e1", 2, { message: "m1" })],
    { status: "completed", output: { refused: true } },
  ],
  [
    "a filler line of a resumed session",
    [
      makeReply("e1", 2, { message: "m1", stop: "refusal" }),
      makeReply("e2", 900, { message: "x", request: null, model: "<synthetic>", stop: "stop_sequence" }),
    ],
    { status: "failed", execution_time_ms: 2_000 },
  ],
])("gives the outcome of a prompt that ended with %s", async (_name, lines, expected) => {
  const { records } = await importLines([makePrompt("p1", 0, "go"), ...lines]);
  expect(only(records)).toMatchObject(expected);
});

it("counts a compaction by hand with the command that asked for it, and others where they happen", async () => {
  const { records } = await importLines([
    makePrompt("p1", 0, "go"),
    makeSystem("s1", 1, "compact_boundary", { compactMetadata: { trigger: "auto" } }),
    makeReply("a1", 2, { message: "m1" }),
    makeSystem("s2", 20, "compact_boundary", { compactMetadata: { trigger: "manual" } }),
    makePrompt("p2", 10, "<command-name>/compact</command-name>"),
    makePrompt("o2", 20, "<local-command-stdout>Compacted</local-command-stdout>"),
  ]);
  expect(records.map((one) => [one.command, one.output?.["compactions"]])).toEqual([
    ["go", 1],
    ["/compact", 1],
  ]);
});

it("counts a request nested in progress lines and in a sub-agent's file once", async () => {
  const reply = makeReply("s2", 3, { message: "m2", output: 8 }, { isSidechain: true, agentId: "a1" });
  const { records } = await importLines(
    [
      makePrompt("p1", 0, "go"),
      makeReply("a1", 1, { message: "m1", tool: { id: "t1", name: "Task" } }),
      makeNested("n1", 3, "t1", { ...reply, isSidechain: false }),
      makeNested("n2", 4, "t1", makeReply("s3", 4, { message: "m3", output: 2 })),
      makeReply("a2", 6, { message: "m4" }),
    ],
    { [AGENT]: [makePrompt("s1", 2, "sub", { isSidechain: true, agentId: "a1" }), reply] },
  );
  expect(only(records).requests?.map((one) => one.id)).toEqual(["req_m1", "req_m2", "req_m3", "req_m4"]);
});

it("gives a background agent to the prompt that started it, also when it works during the next one", async () => {
  const { records } = await importLines(
    [
      makePrompt("p1", 0, "start it", { promptId: "one" }),
      makeReply("a1", 1, { message: "m1", tool: { id: "t1", name: "Agent" } }),
      makeToolResult("r1", 1, "t1", { promptId: "one" }),
      makeReply("a2", 2, { message: "m2" }),
      makePrompt("p2", 10, "meanwhile", { promptId: "two" }),
      makeReply("a3", 11, { message: "m3" }),
      makePrompt("n1", 20, "<task-notification><tool-use-id>t1</tool-use-id></task-notification>", {
        promptId: "three",
      }),
      makeReply("a4", 21, { message: "m4" }),
    ],
    {
      [AGENT]: [
        makePrompt("s1", 1, "sub", { isSidechain: true, promptId: "one" }),
        makeReply("s2", 15, { message: "m5" }, { isSidechain: true }),
      ],
    },
  );
  expect(records.map((one) => [one.command, one.requests?.map((request) => request.id)])).toEqual([
    ["start it", ["req_m1", "req_m2", "req_m5", "req_m4"]],
    ["meanwhile", ["req_m3"]],
  ]);
});

it("does not give a task that reports back after a local command to that command", async () => {
  const { records } = await importLines([
    makePrompt("p1", 0, "start it"),
    makeReply("a1", 1, { message: "m1" }),
    makePrompt("c1", 10, "<command-name>/plugin</command-name>"),
    makePrompt("c2", 10, "<local-command-stdout>(no content)</local-command-stdout>"),
    makePrompt("n1", 20, "<task-notification><task-id>x</task-id></task-notification>"),
    makeReply("a2", 21, { message: "m2" }),
  ]);
  expect(records.map((one) => [one.command, one.requests?.length])).toEqual([
    ["start it", 2],
    ["/plugin", 0],
  ]);
});

it("counts what an old version wrote: agents beside the session, no stop reasons, no request ids", async () => {
  const { records, ledger } = await importLines(
    [
      makePrompt("p1", 1, "go", { version: "1.0.120" }),
      makeReply("a1", 2, {
        message: "m1",
        request: null,
        stop: null,
        output: 1,
        tool: { id: "t", name: "Task" },
      }),
      makeReply("a2", 2, { message: "m1", request: null, stop: null, output: 5 }),
    ],
    {
      "projects/-work-shop/agent-b1.jsonl": [
        makePrompt("w1", 0, "Warmup", { isSidechain: true, agentId: "b1" }),
        makeReply("w2", 0, { message: "m2", stop: null }, { isSidechain: true, agentId: "b1" }),
      ],
    },
  );
  expect(only(records)).toMatchObject({
    status: "completed",
    output: { subagents: 1, incomplete_requests: 2 },
  });
  expect(totalsOf(ledger)).toMatchObject({ requests: 2, output_tokens: 15 });
});

it("loses no request whose prompt is in none of the files", async () => {
  const { records } = await importLines(
    [
      makeReply("a1", 5, { message: "m1" }),
      makePrompt("p1", 9, "go on"),
      makeReply("a2", 10, { message: "m2" }),
    ],
    {
      "projects/-work-shop/99999999-0000-4000-8000-000000000000/subagents/agent-z.jsonl": [
        makeReply("z1", 30, { message: "m3" }, { isSidechain: true }),
      ],
    },
  );
  expect(records.map((one) => [one.command, one.status, one.requests?.length])).toEqual([
    ["(resumed without prompt)", "completed", 1],
    ["go on", "completed", 1],
    ["(resumed without prompt)", "completed", 1],
  ]);
});

it("takes a history that a resumed session wrote again under new ids as the same prompts", async () => {
  const { records } = await importLines([
    makePrompt("p1", 0, "go"),
    makeReply("a1", 1, { message: "m1" }),
    makePrompt("again1", 0, "go"),
    makeReply("again2", 1, { message: "m1" }),
    makePrompt("p2", 60, "more"),
    makeReply("a2", 61, { message: "m2" }),
  ]);
  expect(records.map((one) => [one.command, one.requests?.length])).toEqual([
    ["go", 1],
    ["more", 1],
  ]);
});

it("takes local commands of newer versions as prompts without requests", async () => {
  const { records } = await importLines([
    makeSystem("c1", 0, "local_command", {
      content: "<command-name>/model</command-name>\n<command-args>opus</command-args>",
    }),
    makeSystem("c2", 0, "local_command", {
      content: "<local-command-stdout>Set model</local-command-stdout>",
    }),
    makePrompt("p1", 9, "go"),
    makeReply("a1", 10, { message: "m1" }),
    makePrompt("u1", 20, "Unknown skill: nonsense"),
  ]);
  expect(records.map((one) => [one.command, one.status, one.requests?.length])).toEqual([
    ["/model opus", "completed", 0],
    ["go", "completed", 1],
  ]);
});

it("links the pull request a prompt opened", async () => {
  const { records } = await importLines([
    makePrompt("p1", 0, "open a pull request"),
    { type: "pr-link", sessionId: SESSION, prNumber: 12, prRepository: "acme/shop", timestamp: at(1) },
    makeReply("a1", 2, { message: "m1" }),
  ]);
  expect(only(records).workspace).toMatchObject({ repository: "acme/shop", pull_request: 12 });
});

it("reports lines it cannot read by file and line, and imports the others", async () => {
  const folder = await createFolder();
  const good = formatLines([makePrompt("p1", 0, "go"), makeReply("a1", 1, { message: "m1" })]);
  await writeFiles(folder, {
    [MAIN]: `// no JSON\n${good}[1]\n{"type":"newcomer"}\n\n{"x":"${"y".repeat(500)}"}\n\uFFFD\u0000{\n{"type":"user","half`,
  });
  const ledger = createLedger();
  const report = await runImport(folder, ledger, { lineBytesMax: 1_000 });
  expect(report.read.badLineList.map((one) => [one.line, one.problem])).toEqual([
    [1, "not JSON"],
    [4, "not an object"],
    [8, "not JSON"],
  ]);
  expect(report.read).toMatchObject({ badLines: 3, unfinishedLines: 1 });
  expect([...report.read.unknownTypes]).toEqual([
    ["newcomer", 1],
    ["(none)", 1],
  ]);
  const short = createLedger();
  expect(
    (await runImport(folder, short, { lineBytesMax: 450 })).read.badLineList.map((one) => one.problem),
  ).toContain("longer than 450 bytes");
  expect(totalsOf(ledger).requests).toBe(1);
});

it("reads each file once when links lead in circles and paths overlap", async () => {
  const folder = await createFolder();
  await writeFiles(folder, {
    [MAIN]: formatLines([makePrompt("p1", 0, "go"), makeReply("a1", 1, { message: "m1" })]),
  });
  await symlink(folder, join(folder, "projects", "loop"));
  await symlink(join(folder, "nowhere"), join(folder, "projects", "broken"));
  const ledger = createLedger();
  const report = await runImport(folder, ledger, {
    paths: [folder, join(folder, "projects"), join(folder, MAIN)],
  });
  expect(report.read.files).toBe(1);
  expect(report.read.unreadable).toEqual([{ path: join(folder, "projects", "broken"), reason: "ENOENT" }]);
});

it("brings the sub-agents along when one session's file is named", async () => {
  const { folder } = await importLines([makePrompt("p1", 0, "go"), makeReply("a1", 1, { message: "m1" })], {
    [AGENT]: [makeReply("s1", 1, { message: "m2" }, { isSidechain: true })],
    "projects/-work-shop/other.jsonl": [makePrompt("o1", 0, "other")],
  });
  const ledger = createLedger();
  await runImport(join(folder, MAIN), ledger);
  expect(listRecords(ledger).map((one) => [one.command, one.requests?.length])).toEqual([["go", 2]]);
});

it("cuts a long command between two characters and says so", async () => {
  const { records } = await importLines([
    makePrompt("p1", 0, "é😀".repeat(60_000)),
    makeReply("a1", 1, { message: "m1" }),
  ]);
  const { command } = only(records);
  expect(Buffer.byteLength(command)).toBeLessThanOrEqual(65_536);
  expect(command).toMatch(/^(é😀)+é?\n\[cut by netra\]$/u);
});

it("sends a long command whole, from wherever it stands in the file", async () => {
  const { records } = await importLines([
    makePrompt("p1", 0, long("first")),
    makeToolResult("r1", 1, "t", { toolUseResult: "é".repeat(3_000_000) }),
    makePrompt("p2", 10, long("zweites é")),
    makeReply("a1", 12, { message: "m1" }),
  ]);
  expect(records.map((one) => one.command)).toEqual([long("first"), long("zweites é")]);
});

it("leaves out prompts from before --since", async () => {
  const { folder } = await importLines([makePrompt("p1", 0, "old"), makePrompt("p2", 60, "new")]);
  const ledger = createLedger();
  const report = await runImport(folder, ledger, { sinceMs: Date.parse(at(30)) });
  expect(listRecords(ledger).map((one) => one.command)).toEqual(["new"]);
  expect(report.skipped.beforeSince).toBe(1);
});

it("splits an execution with more requests than one record holds", async () => {
  const replies = Array.from({ length: 20_001 }, (_, index) =>
    makeReply(`a${index}`, 1 + index, { message: `m${index}` }),
  );
  const { ledger, records } = await importLines([makePrompt("p1", 0, "go"), ...replies]);
  expect(records.map((one) => one.requests?.length).toSorted(byNumber)).toEqual([1, 10_000, 10_000]);
  expect(totalsOf(ledger).output_tokens).toBe(200_010);
});
