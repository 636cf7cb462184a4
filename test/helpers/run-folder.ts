import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRunning } from "../../local/processes.ts";

const PREFIX = "netra-test-";
const OWNER_FILE = "owner.pid";
const UNOWNED_MS = 10 * 60_000;

/** A folder for everything one test run writes. Others may pass through it, because the database has its own user. */
export async function createRunFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), PREFIX));
  await writeFile(join(folder, OWNER_FILE), String(process.pid));
  await chmod(folder, 0o711);
  return folder;
}

export async function removeRunFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** Removes what runs that were killed left behind; their servers have ended with them. */
export async function removeAbandonedFolders(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(PREFIX));
  for (const folder of names.map((name) => join(tmpdir(), name))) {
    if (await isAbandoned(folder)) await removeRunFolder(folder);
  }
}

async function isAbandoned(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => null);
  if (found === null || found.uid !== process.getuid?.()) return false;
  const owner = await readFile(join(folder, OWNER_FILE), "utf8").catch(() => null);
  return owner === null ? Date.now() - found.mtimeMs > UNOWNED_MS : !isRunning(Number(owner));
}
