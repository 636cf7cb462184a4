import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { z } from "zod";
import { hasExited, waitForExit, waitUntilGone } from "../../local/processes.ts";

const SCRIPT = fileURLToPath(new URL("../../local/start.ts", import.meta.url));
const READY_MS = 90_000;
// Several whole starts in one test; each may take READY_MS on a busy machine.
vi.setConfig({ testTimeout: 4 * READY_MS });

const ready = z.strictObject({
  netra: z.literal("ready"),
  url: z.url(),
  apiKey: z.string().startsWith("ntr_"),
  organization: z.string(),
});

interface Run {
  child: ChildProcess;
  stdout: () => string;
  stderr: () => string;
}

const runs: Run[] = [];
const folders: string[] = [];

function start(args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    // As npm would start it, so that it ends with this process.
    env: { ...process.env, npm_lifecycle_event: "start", ...env },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const run = { child, stdout: () => out, stderr: () => err };
  runs.push(run);
  return run;
}

async function untilReady(run: Run): Promise<z.infer<typeof ready>> {
  await expect
    .poll(() => run.stdout().endsWith("\n") || hasExited(run.child), { timeout: READY_MS, interval: 50 })
    .toBe(true);
  if (hasExited(run.child)) throw new Error(`it ended:\n${run.stderr()}`);
  return ready.parse(JSON.parse(run.stdout().trimEnd().split("\n").at(-1) ?? ""));
}

async function end(run: Run, signal: NodeJS.Signals): Promise<number | null> {
  run.child.kill(signal);
  expect(await waitForExit(run.child, 60_000)).toBe(true);
  return run.child.exitCode;
}

async function ended(run: Run): Promise<number | null> {
  expect(await waitForExit(run.child, 30_000)).toBe(true);
  return run.child.exitCode;
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(inject("testStack").folder, "start-"));
  folders.push(folder);
  return folder;
}

async function countExecutions(target: { url: string; apiKey: string }): Promise<unknown> {
  const response = await fetch(`${target.url}/insights/v1/summary?source=ledger&from=2026-01-01`, {
    headers: { authorization: `Bearer ${target.apiKey}` },
  });
  expect(response.status).toBe(200);
  return z.object({ total: z.object({ executions: z.number() }) }).parse(await response.json()).total
    .executions;
}

/** A request the server has begun to read, to be completed later. */
function sendSlowly(url: string, apiKey: string) {
  const sending = request(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      "transfer-encoding": "chunked",
      expect: "100-continue",
    },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sending.once("response", resolve);
    sending.once("error", reject);
  });
  sending.flushHeaders();
  return {
    arrived: once(sending, "continue"),
    finish: async (body: unknown) => {
      sending.end(JSON.stringify(body));
      return answered;
    },
  };
}

async function readPid(folder: string): Promise<number> {
  return Number((await readFile(join(folder, "postgres", "data", "postmaster.pid"), "utf8")).split("\n")[0]);
}

afterEach(async () => {
  for (const { child } of runs.splice(0)) {
    if (hasExited(child)) continue;
    child.kill("SIGKILL");
    await waitForExit(child, 10_000);
  }
  for (const folder of folders.splice(0)) {
    const pid = await readPid(folder).catch(() => null);
    if (pid !== null) await waitUntilGone(pid, 20_000);
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
});

describe("the first start", () => {
  it("imports demo data, ends with the ready line, and a second start finds everything again", async () => {
    const folder = await newFolder();
    const first = start(["--port", "0", "--data-dir", folder]);
    const one = await untilReady(first);
    expect(first.stdout().trimEnd().split("\n")).toHaveLength(1);
    expect(one.organization).toMatch(/demo/i);
    expect(first.stderr()).toMatch(/Importing demo data/);
    expect(first.stderr()).toMatch(/model  +runs[\s\S]*claude-[\s\S]*command  +runs[\s\S]*total/);
    const executions = await countExecutions(one);
    expect(executions).toBeGreaterThan(1_000);

    const connectionFile = join(folder, "connection.json");
    expect((await stat(connectionFile)).mode & 0o777).toBe(0o600);
    const connection: unknown = JSON.parse(await readFile(connectionFile, "utf8"));
    expect(connection).toMatchObject({ url: one.url, apiKey: one.apiKey, organization: one.organization });

    const pid = await readPid(folder);
    expect(await end(first, "SIGINT")).toBe(0);
    expect(await waitUntilGone(pid, 0)).toBe(true);

    const second = start(["--port", "0", "--data-dir", folder]);
    const two = await untilReady(second);
    expect(second.stderr()).not.toMatch(/Importing/);
    expect(two.apiKey).toBe(one.apiKey);
    expect(await countExecutions(two)).toBe(executions);
    expect(await end(second, "SIGTERM")).toBe(0);
  });
});

describe("a start without demo data", () => {
  it("survives a kill of everything it holds: the servers end, and the next start has the data and the key", async () => {
    const folder = await newFolder();
    const first = start(["--port", "0", "--data-dir", folder, "--no-demo"]);
    const one = await untilReady(first);
    expect(one.organization).toBe("Local");
    expect(await countExecutions(one)).toBe(0);
    const pid = await readPid(folder);
    first.child.kill("SIGKILL");
    await ended(first);

    const second = start(["--port", "0", "--data-dir", folder, "--no-demo"]);
    const two = await untilReady(second);
    expect(await waitUntilGone(pid, 0)).toBe(true);
    expect(two.apiKey).toBe(one.apiKey);

    const third = start(["--port", "0", "--data-dir", folder, "--no-demo"]);
    expect(await ended(third)).toBe(1);
    expect(third.stderr()).toMatch(/already runs with the data in/);
    expect(third.stderr()).toContain(two.url);
    expect(third.stderr()).toContain("--data-dir");
    expect(await countExecutions(two)).toBe(0);
    expect(await end(second, "SIGINT")).toBe(0);
  });

  it("answers what is in flight before it ends", async () => {
    const folder = await newFolder();
    const run = start(["--data-dir", folder], { NETRA_PORT: "0", NETRA_DEMO: "0" });
    const { url, apiKey } = await untilReady(run);
    const answer = sendSlowly(`${url}/ingest/v1/executions`, apiKey);
    await answer.arrived;
    run.child.kill("SIGTERM");
    await expect.poll(() => run.stderr(), { timeout: 30_000 }).toContain("in flight");
    await expect(fetch(`${url}/insights/v1/summary`)).rejects.toThrow(/fetch failed/);
    const id = crypto.randomUUID();
    const response = await answer.finish({ id, timestamp: new Date().toISOString(), command: "echo late" });
    expect(response.statusCode).toBe(200);
    expect(JSON.parse(await text(response))).toMatchObject({ accepted: 1 });
    expect(await ended(run)).toBe(0);
  });
});

describe("a start that cannot be", () => {
  it("says that the port is taken and what to do, and leaves nothing running", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const address = blocker.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    const folder = await newFolder();
    const run = start(["--port", port, "--data-dir", folder]);
    expect(await ended(run)).toBe(1);
    expect(run.stderr()).toContain(`Port ${port} is taken`);
    expect(run.stderr()).toContain("--port");
    expect(run.stdout()).toBe("");
    await expect(stat(join(folder, "netra.lock"))).rejects.toThrow(/ENOENT/);
    blocker.close();
  });

  it.each([[["--prot", "1"]], [["--port", "70000"]], [["--port"]], [["surplus"]]])(
    "refuses the options %j with an explanation",
    async (args) => {
      const run = start(args);
      expect(await ended(run)).toBe(2);
      expect(run.stderr()).toContain("Usage: npm start");
      expect(run.stdout()).toBe("");
    },
  );

  it("explains itself when asked", async () => {
    const run = start(["--help"]);
    expect(await ended(run)).toBe(0);
    expect(run.stdout()).toContain("NETRA_DATA_DIR");
  });
});
