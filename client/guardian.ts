import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Environment } from "./command.ts";
import type { Connection } from "./connection.ts";
import { flushSpool } from "./deliver.ts";
import { finishOrphans } from "./pending.ts";
import { findProcess, identifyProcess, processIdentity } from "./process-identity.ts";
import { killGroup } from "./run-process.ts";
import { openSpool } from "./spool.ts";

/**
 * A small process beside a run that outlives its client. They share a pipe: when it closes without a goodbye, the client
 * was killed, and the guardian ends the agent, whose output nobody reads any more, and closes and sends its record.
 */
export interface Guardian {
  /** Tells which process the agent is. */
  watch(agentPid: number): void;
  /** The client has done its work itself. */
  dismiss(): void;
}

const instructions = z.object({
  stateFolder: z.string(),
  connection: z.object({ url: z.string(), apiKey: z.string() }).nullable(),
  client: processIdentity,
});
const note = z.union([z.object({ agent: processIdentity }), z.object({ done: z.literal(true) })]);

const AGENT_GRACE_MS = 5_000;
const SEND_DEADLINE_MS = 60_000;

export function startGuardian(
  stateFolder: string,
  connection: Connection | null,
  env: Environment,
): Guardian {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: stateFolder,
    env: { ...env },
  });
  // Without a guardian the next run or flush does its work.
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  child.unref();
  const tell = (message: unknown): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
  tell({ stateFolder, connection, client: identifyProcess(process.pid) });
  return {
    watch: (agentPid) => tell({ agent: identifyProcess(agentPid) }),
    dismiss: () => child.stdin.end(`${JSON.stringify({ done: true })}\n`),
  };
}

async function guard(): Promise<void> {
  let order: z.infer<typeof instructions> | null = null;
  let agent: z.infer<typeof processIdentity> | null = null;
  for await (const line of createInterface({ input: process.stdin })) {
    if (order === null) {
      order = instructions.parse(JSON.parse(line));
      continue;
    }
    const message = note.parse(JSON.parse(line));
    if ("done" in message) return;
    agent = message.agent;
  }
  if (order === null) return;
  for (let wait = 0; wait < 50 && findProcess(order.client) === "running"; wait++) await sleep(100);
  if (agent !== null && findProcess(agent) === "running") {
    killGroup(agent.pid, "SIGTERM");
    const until = Date.now() + AGENT_GRACE_MS;
    while (findProcess(agent) === "running" && Date.now() < until) await sleep(50);
    if (findProcess(agent) === "running") killGroup(agent.pid, "SIGKILL");
  }
  const spool = openSpool(order.stateFolder);
  finishOrphans(order.stateFolder, spool);
  if (order.connection === null) return;
  await flushSpool(spool, order.connection, {
    deadlineMs: SEND_DEADLINE_MS,
    until: Date.now() + SEND_DEADLINE_MS,
  });
}

if (import.meta.main) await guard();
