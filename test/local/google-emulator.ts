import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect } from "vitest";
import { findFreePort } from "../../local/free-port.ts";

const FOLDER = "/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib";
const JAVA_FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

interface Emulator {
  java: string;
  jar: string;
}

/** Google's Pub/Sub emulator, or why there is none to use. */
export function findEmulator(): Emulator | { missing: string } {
  const java = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "java"))
    .find((file) => existsSync(file));
  if (java === undefined) return { missing: "there is no java on the PATH" };
  const named = process.env["NETRA_PUBSUB_EMULATOR_JAR"];
  if (named !== undefined)
    return existsSync(named) ? { java, jar: named } : { missing: `there is no ${named}` };
  const found = existsSync(FOLDER)
    ? readdirSync(FOLDER).find((name) => /^cloud-pubsub-emulator-.*\.jar$/.test(name))
    : undefined;
  if (found === undefined)
    return { missing: `no emulator in ${FOLDER}; NETRA_PUBSUB_EMULATOR_JAR names one` };
  return { java, jar: join(FOLDER, found) };
}

/** Starts the emulator on a free port of loopback and waits until it listens. */
export async function startEmulator({
  java,
  jar,
}: Emulator): Promise<{ host: string; end: () => Promise<void> }> {
  const port = await findFreePort();
  const child = spawn(java, [...JAVA_FLAGS, "-jar", jar, "--host=127.0.0.1", `--port=${port}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  try {
    await expect.poll(() => output, { timeout: 60_000 }).toContain("Server started, listening on");
  } catch (error) {
    await endProcess(child);
    throw error;
  }
  return { host: `127.0.0.1:${port}`, end: () => endProcess(child) };
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
