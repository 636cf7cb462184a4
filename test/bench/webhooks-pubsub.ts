import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Starts the stand-in for Pub/Sub in a process of its own; without an address messages go nowhere. */
export async function forkPubSub(port: number, pushEndpoint?: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("webhooks-pubsub-process.ts", import.meta.url));
  const child = fork(script, [String(port), ...(pushEndpoint === undefined ? [] : [pushEndpoint])]);
  await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => Promise.reject(new Error("the Pub/Sub stand-in did not start"))),
  ]);
  return child;
}

export async function endPubSub(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
