// Installs the dependencies when they are absent or do not agree with package-lock.json. Plain JavaScript for Node 20,
// which is all a fresh machine has. Everything it says goes to stderr: stdout belongs to the command that follows.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const WAIT_MS = 20 * 60_000;
const OWN_NODE = join(ROOT, "node_modules", "node", "bin", "node");

/** What is missing, in words, or null when everything the lock file asks for is there. */
function findMissing() {
  const wanted = readPackages(join(ROOT, "package-lock.json"));
  const installed = readPackages(join(ROOT, "node_modules", ".package-lock.json"));
  if (wanted === null) throw new Error("package-lock.json cannot be read");
  if (installed === null) return "node_modules is absent or incomplete";
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || entry.link) continue;
    const found = installed[path];
    if (found === undefined && (entry.optional || entry.devOptional || entry.peer)) continue;
    if (found?.version !== entry.version)
      return `${path.replace("node_modules/", "")} ${entry.version} is not there`;
  }
  return existsSync(OWN_NODE) ? null : "the Node.js that this project brings is not there";
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages ?? null;
  } catch {
    return null;
  }
}

/** One install at a time for this folder: whoever comes second waits and looks again. */
async function takeTurn() {
  const name = createHash("sha256").update(ROOT).digest("hex").slice(0, 16);
  const file = join(tmpdir(), `netra-install-${process.getuid?.() ?? "user"}-${name}.lock`);
  const deadline = Date.now() + WAIT_MS;
  let said = false;
  while (!(await takeLock(file))) {
    if (Date.now() > deadline)
      throw new Error(`another install has not ended; if there is none, remove ${file}`);
    if (!said) say("Another start is installing the dependencies; waiting for it.");
    said = true;
    await delay(500);
  }
  return () => rmSync(file, { force: true });
}

async function takeLock(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    if (await isHeld(file)) return false;
    rmSync(file, { force: true });
    return false;
  }
  // Two that found the same dead lock may both have removed it; the one whose number stays has it.
  await delay(50);
  return readOwner(file) === process.pid;
}

async function isHeld(file) {
  const owner = readOwner(file);
  if (owner === null) {
    await delay(1_000);
    return readOwner(file) !== null;
  }
  try {
    process.kill(owner, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function readOwner(file) {
  try {
    const owner = Number(readFileSync(file, "utf8"));
    return Number.isInteger(owner) && owner > 0 ? owner : null;
  } catch {
    return null;
  }
}

async function install() {
  const npm = process.env.npm_execpath;
  const node = process.env.npm_node_execpath ?? process.execPath;
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  const [file, head] = npm?.endsWith("js") ? [node, [npm]] : ["npm", []];
  const child = spawn(file, [...head, ...args], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  const [code, cause] = await new Promise((resolve) => {
    child.once("error", (error) => resolve([null, error.message]));
    child.once("exit", (status, signal) => resolve([status, signal]));
  });
  if (code !== 0) {
    throw new Error(
      `npm ci did not succeed (${code ?? cause}). Its messages are above. ` +
        "Without a network connection it needs a filled npm cache; behind a proxy or with a registry of your own, " +
        "set them with npm config. Then run the same command again.",
    );
  }
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

async function ensureInstalled() {
  if (findMissing() === null) return;
  const release = await takeTurn();
  process.once("exit", release);
  const missing = findMissing();
  if (missing === null) return;
  const started = Date.now();
  say(`Installing the dependencies (${missing}). The first time this takes about a minute.`);
  await install();
  const still = findMissing();
  if (still !== null) {
    throw new Error(
      `the install ended, but ${still}. If npm is told to ignore install scripts (npm config get ignore-scripts), ` +
        "allow them for this project: npm ci --no-ignore-scripts",
    );
  }
  say(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

try {
  await ensureInstalled();
} catch (error) {
  say(`The dependencies could not be installed: ${error.message}`);
  process.exitCode = 1;
}
