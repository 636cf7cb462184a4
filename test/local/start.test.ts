import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { waitUntilGone } from "../../local/processes.ts";
import { asOwner } from "../helpers/tenant.ts";
import {
  end,
  endAllRuns,
  ended,
  newFolder,
  readConnection,
  readPid,
  READY_MS,
  start,
  untilReady,
} from "./started-runs.ts";

// Several whole starts in one test; each may take READY_MS on a busy machine.
vi.setConfig({ testTimeout: 4 * READY_MS });

async function countExecutions(target: { url: string; apiKey: string }): Promise<unknown> {
  const response = await fetch(`${target.url}/insights/v1/summary?source=ledger&from=2026-01-01`, {
    headers: { authorization: `Bearer ${target.apiKey}` },
  });
  expect(response.status).toBe(200);
  return z.object({ total: z.object({ executions: z.number() }) }).parse(await response.json()).total
    .executions;
}

/** The demo team's webhooks have come in signed and have been processed. */
async function expectDemoEvents(folder: string): Promise<void> {
  const { adminDatabaseUrl } = await readConnection(folder);
  await asOwner(adminDatabaseUrl, async (sql) => {
    const statuses = async (): Promise<string[]> =>
      (await sql.query<{ status: string }>("select distinct status from events")).rows.map(
        ({ status }) => status,
      );
    await expect.poll(statuses, { timeout: READY_MS, interval: 50 }).toEqual(["processed"]);
    const { rows } = await sql.query<{ provider: string; states: string[] }>(
      "select provider, array_agg(distinct state) as states from deployment_records group by 1 order by 1",
    );
    expect(rows.map(({ provider }) => provider)).toEqual(["github", "vercel"]);
    expect(rows[0]?.states).toEqual(expect.arrayContaining(["failure", "success"]));
    const repositories = await sql.query("select 1 from repositories");
    expect(repositories.rowCount).toBeGreaterThan(3);
  });
  const secrets = join(folder, "secrets");
  expect((await stat(secrets)).mode & 0o777).toBe(0o700);
  for (const name of await readdir(secrets)) {
    expect((await stat(join(secrets, name))).mode & 0o777).toBe(0o600);
  }
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

afterEach(endAllRuns);

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

    await expectDemoEvents(folder);

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

  it("says that the emulator it was to use does not answer", async () => {
    const folder = await newFolder();
    const env = { PUBSUB_EMULATOR_HOST: "127.0.0.1:9" };
    const run = start(["--port", "0", "--data-dir", folder, "--no-demo"], env);
    expect(await ended(run)).toBe(1);
    expect(run.stderr()).toContain("No Pub/Sub emulator answers at 127.0.0.1:9");
    await expect(stat(join(folder, "netra.lock"))).rejects.toThrow(/ENOENT/);
  });

  it("explains itself when asked", async () => {
    const run = start(["--help"]);
    expect(await ended(run)).toBe(0);
    expect(run.stdout()).toContain("NETRA_DATA_DIR");
  });
});
