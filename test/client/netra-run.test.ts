import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { KILLED_MESSAGE } from "../../client/pending.ts";
import { findProcess, identifyProcess } from "../../client/process-identity.ts";
import { assistant, init, simpleScene } from "./agent-scenes.ts";
import type { Scene } from "./fake-agent.ts";
import { setStage, startNetra, until } from "./fake-agent.ts";
import type { Fault } from "./fake-server.ts";
import { answer, startFakeServer } from "./fake-server.ts";

const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

async function setUp(scene: Scene, fault?: Fault) {
  const stage = setStage(scene);
  const server = await startFakeServer(fault);
  cleanUp.push(
    () => server.close(),
    () => stage.remove(),
  );
  const env = { ...stage.env, NETRA_INGEST_URL: server.url, NETRA_API_KEY: "ntr_a" };
  const netra = (...args: string[]) => startNetra(args, { env, cwd: stage.folder });
  const only = () => [...server.stored.values()][0];
  return { stage, server, netra, only };
}

const HANGING: Scene = { lines: [init(), assistant("m1", { input: 9 }, { text: "Working." })], hang: true };

describe("netra run", () => {
  it("shows the agent's words, ends with its exit code and records it", async () => {
    const { netra, only } = await setUp(simpleScene());

    expect(await netra("run", "--", "claude", "-p", "say it").ended).toEqual({
      code: 0,
      stdout: "All is well.\n",
      stderr: "",
    });
    expect(only()).toMatchObject({ status: "completed", command: "say it", usage: { output_tokens: 200 } });
  });

  it("closes its record and ends the agent when it is killed itself", async () => {
    const { netra, stage, server, only } = await setUp(HANGING);
    const client = netra("run", "work");
    await until(() => stage.agentPid() !== null && server.stored.size === 1);
    const agent = identifyProcess(stage.agentPid() ?? 0);
    client.process.kill("SIGKILL");

    await until(() => only()?.status === "failed");
    expect(only()).toMatchObject({ error_message: KILLED_MESSAGE, command: "work" });
    await until(() => findProcess(agent) === "gone");
    await until(() => readdirSync(join(stage.stateFolder, "spool/claimed")).length === 0);
    expect(readdirSync(join(stage.stateFolder, "pending"))).toEqual([]);
    expect(readdirSync(join(stage.stateFolder, "spool/ready"))).toEqual([]);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("passes %s on to the agent and records the run as failed", async (signal, code) => {
    const { netra, only } = await setUp(HANGING);
    const client = netra("run", "work");
    await until(() => client.stdout() === "Working.\n");
    client.process.kill(signal);

    expect(await client.ended).toMatchObject({ code });
    expect(only()).toMatchObject({
      status: "failed",
      error_message: `stopped by ${signal}`,
      usage: { input_tokens: 9 },
    });
  });

  it("ends with 124 at its timeout", async () => {
    const { netra, only } = await setUp(HANGING);

    expect((await netra("run", "--timeout", "1", "work").ended).code).toBe(124);
    expect(only()).toMatchObject({ status: "timeout" });
  });

  it("fails where the agent says that it failed, though its exit code is 0", async () => {
    const [start] = simpleScene().lines;
    const failed = {
      type: "result",
      subtype: "success",
      is_error: true,
      result: "API Error: 500",
      num_turns: 1,
    };
    const { netra, only } = await setUp({ lines: [start, failed] });

    expect((await netra("run", "work").ended).code).toBe(1);
    expect(only()).toMatchObject({ status: "failed", error_message: "API Error: 500" });
  });

  it("prints the outcome as one JSON object and nothing else on stdout", async () => {
    const { netra } = await setUp(simpleScene());
    const { stdout, stderr } = await netra("run", "--json", "work").ended;

    expect(JSON.parse(stdout)).toMatchObject({ status: "completed", exitCode: 0, delivery: { spooled: 0 } });
    expect(stderr).toBe("All is well.\n");
  });

  it("records two runs at once and each once", async () => {
    const { netra, server } = await setUp(simpleScene());
    const runs = await Promise.all(
      [1, 2, 3].map((number) => netra("run", "--quiet", `work ${number}`).ended),
    );

    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(
      [...server.stored.values()].map((one) => `${String(one["command"])} ${one.status}`).sort(),
    ).toEqual(["work 1 completed", "work 2 completed", "work 3 completed"]);
  });

  it("keeps the runs of two clients while the server is away; one flush sends each once", async () => {
    let away = true;
    const { netra, server } = await setUp(simpleScene(), (_attempt, _records, response) =>
      away ? answer(response, 503, {}, { "retry-after": "90" }) : false,
    );
    const runs = await Promise.all([1, 2].map((number) => netra("run", `work ${number}`).ended));
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect(runs.map(({ stderr }) => stderr).join()).toContain("netra flush sends it");
    expect(await netra("flush", "--deadline", "1").ended).toMatchObject({ code: 3 });

    away = false;
    const flush = await netra("flush", "--json").ended;
    expect(flush.code).toBe(0);
    expect(JSON.parse(flush.stdout)).toMatchObject({ answer: { accepted: 2 }, batchesLeft: 0 });
    expect(server.stored.size).toBe(2);
    expect((await netra("flush").ended).stdout).toBe("0 stored, nothing left\n");
  });

  it("says on stderr why the server rejected a record, and keeps it", async () => {
    const { netra, stage } = await setUp(simpleScene(), (_attempt, records, response) => {
      const rejected = [
        { index: 0, id: records[0]?.id, errors: [{ pointer: "/usage", detail: "is wrong" }] },
      ];
      return answer(response, 400, { accepted: 0, duplicates: 0, updated: 0, rejected, warnings: [] });
    });
    const { code, stderr } = await netra("run", "work").ended;

    expect(code).toBe(0);
    expect(stderr).toContain("/usage is wrong");
    expect(readdirSync(join(stage.stateFolder, "spool/rejected"))).toHaveLength(1);
  });
});
