import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { NetraOptimizerClient } from "../../client/netra-optimizer-client.ts";
import type { ClientOptions, RunOptions } from "../../client/run-types.ts";
import { listSpool, openSpool } from "../../client/spool.ts";
import { LIMITS } from "../../shared/agent/execution.ts";
import { assistant, init, modelUsage, result, simpleScene, tokenUsage } from "./agent-scenes.ts";
import type { Scene } from "./fake-agent.ts";
import { setStage, until } from "./fake-agent.ts";
import type { Fault } from "./fake-server.ts";
import { answer, freePort, startFakeServer } from "./fake-server.ts";
import { holdTimer } from "./held-timer.ts";

const HOUR_MS = 3_600_000;
const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

async function setUp(scene: Scene, options: { fault?: Fault; client?: ClientOptions } = {}) {
  const stage = setStage(scene);
  const server = await startFakeServer(options.fault);
  cleanUp.push(
    () => server.close(),
    () => stage.remove(),
  );
  const notices: string[] = [];
  const client = new NetraOptimizerClient({
    connection: { url: server.url, apiKey: "ntr_a" },
    env: stage.env,
    stateFolder: stage.stateFolder,
    guardian: false,
    onNotice: (message) => notices.push(message),
    ...options.client,
  });
  const run = (command: string | readonly string[], more: RunOptions = {}) =>
    client.run(command, { cwd: stage.folder, display: "none", forwardSignals: false, graceMs: 300, ...more });
  return { stage, server, client, run, notices };
}

function collect() {
  const stream = new PassThrough();
  let text = "";
  stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { stream, text: () => text };
}

function runningTotal(input: number, cost: number): Scene {
  const usage = tokenUsage({ input: 10, output: 1 });
  const modelUsed = { "claude-sonnet-5": modelUsage({ input, output: input / 10, cost }) };
  return { lines: [result({ total_cost_usd: cost, usage, modelUsage: modelUsed })] };
}

function waiting(stateFolder: string): { spooled: number; pending: number } {
  return {
    spooled: listSpool(openSpool(stateFolder), "ready").length,
    pending: readdirSync(join(stateFolder, "pending")).length,
  };
}

describe("a run", () => {
  it("puts what the agent did and used into the ledger, once", async () => {
    const { run, server, stage } = await setUp(simpleScene());
    const outcome = await run("say that all is well");

    expect(outcome).toMatchObject({ status: "completed", exitCode: 0, text: "Done.", errorMessage: null });
    const record = server.stored.get(outcome.id);
    expect(record).toMatchObject({
      status: "completed",
      command: "say that all is well",
      model: "claude-sonnet-5",
      usage: { input_tokens: 10, output_tokens: 200, cache_read_tokens: 5_000, cache_write_5m_tokens: 300 },
      reported_cost_usd: 0.0123,
      session: { agent: "claude-code", agent_version: "2.1.329" },
      source: "client",
    });
    expect(server.stored.size).toBe(1);
    expect(waiting(stage.stateFolder)).toEqual({ spooled: 0, pending: 0 });
  });

  it("tells the ledger of itself before the agent has ended", async () => {
    const { run, server } = await setUp({ lines: [init()], hang: true });
    const stop = new AbortController();
    const outcome = run("work", { signal: stop.signal });
    await until(() => server.stored.size === 1);

    expect([...server.stored.values()]).toMatchObject([{ status: "pending", command: "work" }]);
    stop.abort();
    const { id } = await outcome;
    expect(server.stored.get(id)).toMatchObject({ status: "failed", error_message: "stopped by SIGTERM" });
    expect(server.stored.size).toBe(1);
  });

  it("is kept on disk while the server is away and sent once by the next run", async () => {
    const { run, server, stage, notices } = await setUp(simpleScene(), {
      fault: (_attempt, _records, response) =>
        away ? answer(response, 503, {}, { "retry-after": "60" }) : false,
    });
    let away = true;
    const first = await run("one");
    expect(first).toMatchObject({ status: "completed", delivery: { spooled: 1 } });
    expect(notices.join()).toContain("waits on disk");
    expect(waiting(stage.stateFolder)).toEqual({ spooled: 1, pending: 0 });

    away = false;
    const second = await run("two");
    expect([...server.stored.keys()].sort()).toEqual([first.id, second.id].sort());
    expect(server.stored.get(first.id)).toMatchObject({ status: "completed", command: "one" });
    expect(waiting(stage.stateFolder)).toEqual({ spooled: 0, pending: 0 });
  });

  it("runs with no server configured at all", async () => {
    const { run, stage } = await setUp(simpleScene(), { client: { connection: null } });

    expect(await run("one")).toMatchObject({ status: "completed", delivery: { spooled: 1 } });
    expect(waiting(stage.stateFolder).spooled).toBe(1);
  });

  it("is recorded as timeout when its deadline ends it, with what it had used", async () => {
    const words = assistant("m1", { input: 9, read: 70 }, { text: "Working." });
    const { run, server } = await setUp({ lines: [init(), words], hang: true });
    const reachDeadline = holdTimer(HOUR_MS);
    const { stream: stdout, text } = collect();
    const running = run("work for ever", { timeoutMs: HOUR_MS, display: "text", stdout });
    await until(() => text() === "Working.\n");
    reachDeadline();
    const outcome = await running;

    expect(outcome).toMatchObject({ status: "timeout", errorMessage: "stopped at the deadline" });
    expect(server.stored.get(outcome.id)).toMatchObject({
      status: "timeout",
      usage: { input_tokens: 9, cache_read_tokens: 70 },
      output: { usage_confidence: "lower_bound" },
    });
  });

  it("ends an agent that will not end", async () => {
    const { run, stage } = await setUp({ lines: [init()], hang: true, ignoreSigterm: true });
    const reachDeadline = holdTimer(HOUR_MS);
    const running = run("work", { timeoutMs: HOUR_MS, graceMs: 100 });
    await until(() => stage.agentPid() !== null);
    reachDeadline();

    expect(await running).toMatchObject({
      status: "timeout",
      execution: { output: { signal: "SIGKILL" } },
    });
  });

  it("is recorded as failed when the agent is killed", async () => {
    const { run, server } = await setUp({ lines: [init(), assistant("m1", { input: 9 })], killSelf: true });
    const outcome = await run("work");

    expect(outcome).toMatchObject({ status: "failed", exitCode: 137 });
    expect(server.stored.get(outcome.id)).toMatchObject({ error_message: "killed by SIGKILL" });
  });

  it("is recorded as failed when the agent is not there", async () => {
    const { run, server, stage } = await setUp({}, { client: { program: "no-such-agent" } });
    const outcome = await run("work", { env: { ...stage.env, PATH: stage.folder } });

    expect(outcome).toMatchObject({
      status: "failed",
      exitCode: 127,
      errorMessage: "no-such-agent: not found",
    });
    expect(server.stored.get(outcome.id)).toMatchObject({ status: "failed" });
  });

  it("masks secrets in the command and in what the agent complains of", async () => {
    const secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    const { run, server } = await setUp({
      lines: [init()],
      stderr: `token ${secret} is not valid\n`,
      exitCode: 3,
    });
    const outcome = await run(`push with ${secret}`);

    expect(outcome.exitCode).toBe(3);
    expect(JSON.stringify([...server.requests, outcome.execution])).not.toContain(secret);
    expect(server.stored.get(outcome.id)?.["command"]).toContain("push with [masked");
  });

  it("cuts a command the server would not take, and gives the agent all of it", async () => {
    const { run, server } = await setUp(simpleScene());
    const outcome = await run("é".repeat(50_000));
    const command = String(server.stored.get(outcome.id)?.["command"]);

    expect(outcome.delivery.answer.rejected).toEqual([]);
    expect(Buffer.byteLength(command)).toBeLessThanOrEqual(LIMITS.commandBytesMax);
    expect(command).toContain("[cut by netra]");
  });

  it("subtracts what earlier runs of a resumed session reported", async () => {
    const { run, stage } = await setUp(runningTotal(10, 0.1));
    await run("first");
    stage.play(runningTotal(20, 0.3));
    const resumed = await run("second", { agentArgs: ["--continue"] });

    expect(resumed.execution).toMatchObject({ usage: { input_tokens: 10 }, reported_cost_usd: 0.2 });
  });

  it("records any other command line with its time and exit code", async () => {
    const { run, server } = await setUp({});
    const outcome = await run([process.execPath, "-e", "console.log('hello'); process.exit(4)"]);

    expect(outcome).toMatchObject({ status: "failed", exitCode: 4 });
    const record = server.stored.get(outcome.id);
    expect(record).toMatchObject({ status: "failed", session: { agent: "node" }, output: { exit_code: 4 } });
    expect(record?.["usage"]).toBeUndefined();
    expect(record?.["execution_time_ms"]).toBeGreaterThan(0);
  });

  it("does not wait for ever for a helper the agent left behind", async () => {
    const { run, stage } = await setUp({});
    const pidFile = join(stage.folder, "pid");
    const script = `
      const { pid } = require("node:child_process")
        .spawn(process.execPath, ["-e", "setTimeout(() => {}, 30000)"], { stdio: "inherit", detached: true });
      require("node:fs").writeFileSync(${JSON.stringify(pidFile)}, String(pid));
      process.exit(0);`;

    expect(await run([process.execPath, "-e", script])).toMatchObject({ status: "completed" });
    process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
  });

  it("says what branch, commit and pull request it worked on, and never a credential of the remote", async () => {
    const { run, server, stage } = await setUp(simpleScene());
    const git = (...args: string[]) =>
      execFileSync("git", args, { cwd: stage.folder, env: { ...stage.env, ...NOBODY } });
    git("init", "-q", "-b", "topic");
    git("remote", "add", "origin", "https://me:hunter2@git.example.com/acme/shop.git");
    git("commit", "-q", "--allow-empty", "-m", "one");
    const ci = { GITHUB_ACTIONS: "true", GITHUB_REF: "refs/pull/17/merge", GITHUB_REPOSITORY: "acme/other" };
    const { id } = await run("work", { env: { ...stage.env, ...ci } });
    const record = server.stored.get(id);

    expect(record?.["workspace"]).toMatchObject({
      repository: "acme/shop",
      repository_host: "git.example.com",
      branch: "topic",
      commit: git("rev-parse", "HEAD").toString().trim(),
      pull_request: 17,
    });
    expect(JSON.stringify(record)).not.toContain("hunter2");
  });

  it("shows the agent's words as text, and its own bytes when asked to", async () => {
    const { run } = await setUp(simpleScene());
    const text = collect();
    await run("work", { display: "text", stdout: text.stream, stderr: new PassThrough() });
    expect(text.text()).toBe("All is well.\n");

    const raw = collect();
    await run("work", { display: "raw", stdout: raw.stream, stderr: new PassThrough() });
    expect(
      raw
        .text()
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(simpleScene().lines);
  });

  it("goes on when nobody reads the output any more", async () => {
    const { run } = await setUp(simpleScene());
    const stream = new PassThrough();
    stream.destroy();

    expect(await run("work", { display: "raw", stdout: stream, stderr: new PassThrough() })).toMatchObject({
      status: "completed",
    });
  });

  it("works and records even when nothing can be written to disk", async () => {
    const { run, server, stage, notices } = await setUp(simpleScene());
    for (const name of ["pending", "sessions"]) writeFileSync(join(stage.stateFolder, name), "in the way");
    const outcome = await run("work");

    expect(outcome).toMatchObject({ status: "completed", delivery: { answer: { rejected: [] } } });
    expect(server.stored.get(outcome.id)).toMatchObject({ status: "completed" });
    expect(notices.join()).toContain("cannot be noted on disk");
  });

  it("keeps a record that neither the server nor a full spool takes, and says so", async () => {
    const { run, stage, notices } = await setUp(simpleScene(), {
      client: {
        connection: { url: `http://127.0.0.1:${await freePort()}`, apiKey: "ntr_a" },
        sendDeadlineMs: 1_000,
      },
    });
    const full = { filesMax: 0, bytesMax: 0, rejectedFilesMax: 1 };
    const outcome = await run("work", {});
    expect(outcome.delivery.spooled).toBe(1);

    const client = new NetraOptimizerClient({
      connection: null,
      env: stage.env,
      stateFolder: stage.stateFolder,
      guardian: false,
      spoolLimits: full,
      onNotice: (message) => notices.push(message),
    });
    await client.run("more work", { cwd: stage.folder, display: "none", forwardSignals: false });

    expect(notices.join()).toContain("is full");
    expect(waiting(stage.stateFolder)).toEqual({ spooled: 1, pending: 1 });
  });
});

/** Git's own configuration of whoever runs the tests must not matter. */
const NOBODY = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.test",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.test",
};
