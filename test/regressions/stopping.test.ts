import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { createDatabases } from "../helpers/databases.ts";
import { type FunctionProcess, spawnFunctionProcess } from "../helpers/function-process.ts";
import { until } from "../helpers/stored.ts";

/** What this file guards: an instance that is stopped before its first request stops like any other. */
const TRIES = 5;

async function open(port: number): Promise<Socket | null> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
  } catch {
    socket.destroy();
    return null;
  }
  // An end by reset is an end; what closes the connection is read from `closed`.
  socket.on("error", () => socket.destroy());
  socket.resume();
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

async function startUnasked(): Promise<{ process: FunctionProcess; port: number }> {
  const databases = await createDatabases();
  onTestFinished(() => databases.close());
  const process = await spawnFunctionProcess("ingest", {
    DATABASE_URL: databases.databaseUrl,
    CLICKHOUSE_URL: databases.clickhouseUrl,
  });
  onTestFinished(async () => {
    await process.end("SIGKILL");
  });
  const port = Number(new URL(process.url).port);
  await until(async () => {
    const socket = await open(port);
    socket?.destroy();
    return socket !== null;
  });
  return { process, port };
}

/** Whether connections were refused while the process still held one that was open before; it exits 0 in any case. */
async function stopWithIdleConnection(): Promise<{ exitCode: number | null; refusedBefore: boolean }> {
  const { process, port } = await startUnasked();
  const idle = await open(port);
  if (idle === null) throw new Error("the process does not listen");
  let closed = false;
  idle.once("close", () => {
    closed = true;
  });
  const exiting = process.end("SIGTERM");
  for (let tries = 0; tries < 3_000; tries += 1) {
    const socket = await open(port);
    if (socket === null) break;
    socket.destroy();
    await delay(5);
  }
  const refusedBefore = !closed && process.child.exitCode === null;
  return { exitCode: await exiting, refusedBefore };
}

it("exits 0 after SIGTERM before its first request though a connection is open, and takes no new ones before that", async () => {
  let refused = false;
  // A machine that is busy for the whole time between the signal and the exit shows nothing, so there are several tries.
  for (let tries = 0; tries < TRIES && !refused; tries += 1) {
    const { exitCode, refusedBefore } = await stopWithIdleConnection();
    expect(exitCode).toBe(0);
    refused = refusedBefore;
  }
  expect(refused).toBe(true);
}, 120_000);
