import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { v5 as uuid } from "uuid";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { importTranscripts } from "../../../client/import/import-transcripts.ts";
import { openImportState } from "../../../client/import/import-state.ts";
import { readRecordedRuns } from "../../../client/import/recorded-runs.ts";
import { sendExecutions } from "../../../client/send.ts";
import { targetOf } from "../../../client/spool.ts";
import type { Ingest } from "../../helpers/ingest.ts";
import { startIngest } from "../../helpers/ingest.ts";
import { asOwner, createTenant } from "../../helpers/tenant.ts";
import { assistant, init, modelUsage, result, tokenUsage } from "../agent-scenes.ts";
import type { Scene } from "../fake-agent.ts";
import { setStage, startNetra, until } from "../fake-agent.ts";
import { startFakeServer } from "../fake-server.ts";
import type { Line } from "./transcript-lines.ts";
import { makePrompt, makeReply } from "./transcript-lines.ts";

let ingest: Ingest;
beforeAll(async () => {
  ingest = await startIngest();
});
afterAll(() => ingest.close());
const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

const HOUR_MS = 3_600_000;
/** Ids of a test's own: message ids are unique in reality. */
let scenes = 0;

/** A run of one request with 10 tokens in and 200 out, and a sub-agent that used 5 and 20 without showing it. */
function makeScene(options: { gate?: string; end?: boolean; result?: Line } = {}) {
  const number = (scenes += 1);
  const session = uuid(`session ${number}`, uuid.URL);
  const [message, agents] = [`msg_run${number}`, `msg_agent${number}`];
  const of = { sessionId: session, version: "2.1.329" };
  const prompt = makePrompt(`prompt-${number}`, 0, "tidy up", of);
  const reply = makeReply(
    `a-${number}`,
    0,
    { message, request: `req-${message}`, input: 10, output: 200 },
    of,
  );
  const hidden = makeReply(`h-${number}`, 0, { message: agents, input: 5, output: 20 }, of);
  const file = `${session}/subagents/agent-1`;
  const used = { "claude-sonnet-5": modelUsage({ input: 15, output: 220 }) };
  const last = result({
    session_id: session,
    usage: tokenUsage({ input: 10, output: 200 }),
    modelUsage: used,
    model_usage_since_last_result: used,
    ...options.result,
  });
  const scene: Scene = {
    lines: [
      { transcript: prompt },
      init({ session_id: session }),
      { ...assistant(message, { input: 10 }, { text: "Yes." }), session_id: session },
      { transcript: reply },
      { transcript: { ...hidden, isSidechain: true, agentId: "1" }, file },
      ...(options.gate === undefined ? [] : [{ untilThere: options.gate }]),
      ...(options.end === false ? [] : [last]),
    ],
    hang: options.end === false,
  };
  return { scene, session, tokens: 235 };
}

async function setUp(scene: Scene) {
  const stage = setStage(scene);
  const tenant = await createTenant(ingest.databases.adminDatabaseUrl);
  const connection = { url: ingest.url, apiKey: tenant.key };
  cleanUp.push(() => stage.remove());
  const env = { ...stage.env, NETRA_INGEST_URL: ingest.url, NETRA_API_KEY: tenant.key };
  const netra = (args: string[], more: Record<string, string> = {}) =>
    startNetra(args, { env: { ...env, ...more }, cwd: stage.folder });
  return {
    stage,
    connection,
    netra,
    transcript: (session: string) => join(stage.folder, `.claude/projects/-work/${session}.jsonl`),
    importNow: async (...args: string[]) => {
      const { stdout, stderr } = await netra(["import", "--json", ...args]).ended;
      expect(stderr).toBe("");
      return JSON.parse(stdout) as {
        accepted: number;
        executions: Record<string, number>;
        skipped: Record<string, number>;
      };
    },
    /** The same an hour later, when no session is taken for a running one. */
    importLater: () =>
      importTranscripts({
        paths: [join(stage.folder, ".claude")],
        nowMs: Date.now() + HOUR_MS,
        sinceMs: null,
        state: openImportState(stage.stateFolder, connection),
        listRuns: () => readRecordedRuns(stage.stateFolder, targetOf(connection)),
        send: (executions) => sendExecutions(connection, executions),
      }),
    ledger: () =>
      asOwner(ingest.databases.adminDatabaseUrl, async (sql) => {
        const { rows } = await sql.query(
          `select source, status, coalesce(total_tokens, 0)::int as tokens, output_characteristics as output, id
           from command_executions where organization_id = $1 order by timestamp, source`,
          [tenant.organizationId],
        );
        return rows as { source: string; status: string; tokens: number; output: Line; id: string }[];
      }),
  };
}

/** A prompt and its answer given by hand, written to the session's transcript. */
function talk(path: string, session: string, name: string, atMs: number, output: number): void {
  const of = { sessionId: session, timestamp: new Date(atMs).toISOString() };
  const lines = [
    makePrompt(`${session}-${name}`, 0, `by hand: ${name}`, of),
    makeReply(`${session}-${name}-a`, 0, { message: `msg_${session}_${name}`, input: 0, output }, of),
  ];
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

describe("an import on the machine of a run", () => {
  it("leaves out what the run has recorded, its sub-agents too", async () => {
    const { scene, tokens } = makeScene();
    const { netra, importNow, importLater, ledger } = await setUp(scene);
    expect(await netra(["run", "tidy up"]).ended).toMatchObject({ code: 0, stderr: "" });
    expect(await ledger()).toMatchObject([{ source: "client", status: "completed", tokens }]);

    expect(await importNow()).toMatchObject({ accepted: 0, skipped: { recorded_by_run: 1, under_way: 0 } });
    expect(await importNow("--again")).toMatchObject({ accepted: 0, skipped: { recorded_by_run: 1 } });
    expect(await importLater()).toMatchObject({ skipped: { recordedByRun: 1 }, sentRequests: 0 });
    expect((await netra(["import"]).ended).stdout).toContain("1 prompt recorded by netra run already\n");
    expect(await ledger()).toHaveLength(1);
  });

  it.each([
    ["shows its session", []],
    ["says which session it was at its end only", ["--output-format", "json"]],
  ])("leaves a run alone that is under way and %s", async (_how, format) => {
    const gate = join(setStageFolder(), "gate");
    const { scene, tokens, session } = makeScene({ gate });
    const { netra, importNow, importLater, ledger, stage, transcript } = await setUp(scene);
    const run = netra(["run", "--", "claude", "-p", "tidy up", ...format]);
    await until(() => hasWritten(transcript(session)));

    expect(await importNow()).toMatchObject({ accepted: 0, skipped: { under_way: 1, recorded_by_run: 0 } });
    expect(await importLater()).toMatchObject({ skipped: { underWay: 1 }, sentRequests: 0 });
    writeFileSync(gate, "");
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(readdirSync(join(stage.stateFolder, "pending"))).toEqual([]);
    expect(await importNow()).toMatchObject({ accepted: 0, skipped: { under_way: 0, recorded_by_run: 1 } });
    expect(await ledger()).toMatchObject([{ source: "client", status: "completed", tokens }]);
  });

  it("brings what was asked by hand in the same session before, during and after a run", async () => {
    const gate = join(setStageFolder(), "gate");
    const { scene, tokens, session } = makeScene({ gate });
    const { netra, importLater, ledger, transcript } = await setUp(scene);
    const path = transcript(session);
    talk(path, session, "before", Date.now() - HOUR_MS, 1_000);
    const run = netra(["run", "tidy up", "--", "--resume", session]);
    await until(() => hasWritten(path));
    talk(path, session, "during", Date.now(), 100);
    writeFileSync(gate, "");
    await run.ended;
    talk(path, session, "after", Date.now(), 10);

    expect(await importLater()).toMatchObject({ skipped: { recordedByRun: 1 }, sentRequests: 3 });
    expect(await importLater()).toMatchObject({ skipped: { recordedByRun: 1, alreadySent: 3 } });
    const records = await ledger();
    expect(records.map((one) => [one.source, one.tokens])).toEqual(
      expect.arrayContaining([
        ["import", 1_000],
        ["client", tokens],
        ["import", 100],
        ["import", 10],
      ]),
    );
    expect(records).toHaveLength(4);
  });

  it("brings what was asked by hand before and after a run that showed its result only", async () => {
    const { scene, tokens, session } = makeScene();
    const { netra, importLater, ledger, transcript } = await setUp(scene);
    const path = transcript(session);
    talk(path, session, "before", Date.now() - HOUR_MS, 1_000);
    await netra(["run", "tidy up", "--", "--resume", session, "--output-format", "json"]).ended;
    talk(path, session, "after", Date.now(), 10);

    expect(await importLater()).toMatchObject({ skipped: { recordedByRun: 1 }, sentRequests: 2 });
    expect((await ledger()).map((one) => one.tokens).sort((a, b) => a - b)).toEqual([10, tokens, 1_000]);
  });

  it.each([
    // A killed client leaves what it last noted, and it does so every few seconds.
    ["client was killed", "SIGKILL", [0, 10]],
    ["agent was interrupted", "SIGINT", [10]],
  ] as const)(
    "brings what a run whose %s had not counted, as its continuation",
    async (_how, signal, counted) => {
      const { scene, tokens, session } = makeScene({ end: false });
      const { netra, importLater, ledger, transcript, stage } = await setUp(scene);
      const run = netra(["run", "tidy up"]);
      await until(() => hasWritten(transcript(session)));
      const pending = join(stage.stateFolder, "pending");
      const record = readdirSync(pending).find((name) => name.endsWith(".json")) ?? "";
      await until(() => readFileSync(join(pending, record), "utf8").includes(session));
      run.process.kill(signal);
      await run.ended;
      await until(async () => (await ledger())[0]?.status === "failed");
      await until(() => readdirSync(pending).length === 0);
      await until(() => readdirSync(join(stage.stateFolder, "spool/claimed")).length === 0);
      const [killed] = await ledger();
      expect(killed).toMatchObject({ source: "client", status: "failed" });
      expect(counted).toContain(killed?.tokens);

      await importLater();
      await importLater();
      const records = await ledger();
      expect(records.reduce((sum, one) => sum + one.tokens, 0)).toBe(tokens);
      expect(records).toMatchObject([{ id: killed?.id }, { output: { continuation_of: killed?.id } }]);
    },
  );

  it("counts a run whose record the server has rejected, and not one that only waits to be sent", async () => {
    const { scene, tokens } = makeScene();
    const { netra, importLater, ledger, stage } = await setUp(scene);
    await netra(["run", "tidy up"], { NETRA_INGEST_URL: "http://127.0.0.1:9" }).ended;
    expect(await importLater()).toMatchObject({ skipped: { recordedByRun: 1 }, sentRequests: 0 });

    const ready = join(stage.stateFolder, "spool/ready");
    for (const name of readdirSync(ready)) {
      const text = readFileSync(join(ready, name), "utf8");
      writeFileSync(join(ready, name), text.replace('"tool_calls":0', '"tool_calls":-1'));
    }
    expect((await netra(["flush", "--all"]).ended).code).toBe(1);
    expect(await importLater()).toMatchObject({ skipped: { recordedByRun: 0 }, sentRequests: 2 });
    expect(await ledger()).toMatchObject([{ source: "import", tokens }]);
  });

  it("brings to one server what a run has recorded on another, until it is sent here", async () => {
    const { scene } = makeScene();
    const { netra, importLater, ledger } = await setUp(scene);
    const away = { NETRA_INGEST_URL: "http://127.0.0.1:9", NETRA_API_KEY: "ntr_other" };
    await netra(["run", "tidy up"], away).ended;
    expect((await netra(["flush", "--all"]).ended).code).toBe(0);
    expect(await importLater()).toMatchObject({ skipped: { recordedByRun: 1 }, sentRequests: 0 });
    expect(await ledger()).toHaveLength(1);

    const other = await startFakeServer();
    cleanUp.push(() => other.close());
    const next = makeScene();
    const there = await setUp(next.scene);
    const elsewhere = { NETRA_INGEST_URL: other.url, NETRA_API_KEY: "ntr_other" };
    await there.netra(["run", "tidy up"], elsewhere).ended;
    expect(await there.importLater()).toMatchObject({ skipped: { recordedByRun: 0 }, sentRequests: 2 });
    expect(await there.ledger()).toMatchObject([{ source: "import", tokens: next.tokens }]);
  });

  it("leaves out a run that asked no model", async () => {
    const failing = { is_error: true, result: "API Error", usage: tokenUsage({}), modelUsage: {} };
    const { scene } = makeScene({ result: { ...failing, model_usage_since_last_result: {} } });
    const lines = (scene.lines ?? []).filter((line) => !JSON.stringify(line).includes("assistant"));
    const { netra, importLater, ledger } = await setUp({ ...scene, lines });
    await netra(["run", "tidy up"]).ended;
    expect(await importLater()).toMatchObject({ skipped: { recordedByRun: 1 } });
    expect(await ledger()).toMatchObject([{ source: "client", status: "failed", tokens: 0 }]);
  });
});

/** A folder that lives as long as its test, known before the stage is set. */
function setStageFolder(): string {
  const stage = setStage({});
  cleanUp.push(() => stage.remove());
  return stage.folder;
}

/** True once the run has written all of its transcript, and the clock shows a later time than its last line. */
function hasWritten(transcript: string): boolean {
  const agents = transcript.replace(/\.jsonl$/, "/subagents/agent-1.jsonl");
  const text = existsSync(agents) ? readFileSync(agents, "utf8") : "";
  if (!text.endsWith("\n")) return false;
  const { timestamp } = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "") as { timestamp: string };
  return Date.now() > Date.parse(timestamp);
}
