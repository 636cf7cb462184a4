import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { enableCompileCache, flushCompileCache } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/*
 * Run once as the image is made, by the user it will run as: starts every function, asks it for something it does not have
 * and stops it, so that what Node compiled on the way is in the cache that start.js reads. Stores are not asked for
 * anything. Fails when a function does not start.
 */
const root = import.meta.dirname;
const cache = join(root, ".compiled");
const SETTINGS = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://nobody@127.0.0.1:1/none",
  CLICKHOUSE_URL: "http://nobody@127.0.0.1:1/none",
  GOOGLE_CLOUD_PROJECT: "none",
  NETRA_CALLER_AUTH: "platform",
};
const DEADLINE_MS = 60_000;

// What is loaded when it is first needed, and takes longest.
enableCompileCache(cache);
await import("@google-cloud/cloud-sql-connector");
await import("@google-cloud/secret-manager");
flushCompileCache();
for (const target of readdirSync(root)) {
  if (existsSync(join(root, target, "index.mjs"))) await warm(target);
}

// Where it cannot write, Node goes on without a word.
if (readdirSync(cache).length === 0) throw new Error(`nothing was written to ${cache}`);

async function warm(target) {
  const port = await findFreePort();
  const child = spawn(process.execPath, [join(root, "start.js")], {
    env: { ...SETTINGS, FUNCTION_TARGET: target, PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exited = once(child, "exit");
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${target} does not start`);
    await sleep(20);
  }
  child.kill("SIGTERM");
  const [code] = await exited;
  if (code !== 0) throw new Error(`${target} ended with ${code}`);
}

async function answers(port) {
  try {
    await (await fetch(`http://127.0.0.1:${port}/none`)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function findFreePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
