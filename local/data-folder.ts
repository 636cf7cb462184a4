import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isMissing, writeAtomically } from "../client/atomic-file.ts";
import { findProcess, identifyProcess, processIdentity } from "../client/process-identity.ts";
import { StartError } from "./start-error.ts";

const secrets = z.object({
  ownerPassword: z.string(),
  servicePassword: z.string(),
  clickhousePassword: z.string(),
  /** The API key of each organization this folder was started with, by slug. */
  apiKeys: z.record(z.string(), z.string()),
});
export type Secrets = z.infer<typeof secrets>;

/** What the command line and other programs need to reach a running stack; kept when it stops. */
export interface ConnectionFile {
  url: string;
  apiKey: string;
  organization: string;
  organizationId: string;
  databaseUrl: string;
  adminDatabaseUrl: string;
  clickhouseUrl: string;
}

const lock = processIdentity.extend({ url: z.string().optional() });

/** Everything one local Netra keeps: its databases, its secrets and the addresses of its last start. */
export class DataFolder {
  readonly path: string;
  readonly #lockFile: string;

  private constructor(path: string) {
    this.path = path;
    this.#lockFile = join(path, "netra.lock");
  }

  /** Makes the folder when it is absent and takes it; throws StartError when it cannot, or another start has it. */
  static async open(path: string): Promise<DataFolder> {
    await makeFolder(path);
    const folder = new DataFolder(path);
    await folder.#lock();
    return folder;
  }

  /** Lets whoever finds the folder in use know where the running one answers. */
  announce(url: string): void {
    this.#write("netra.lock", { ...identifyProcess(process.pid), url });
  }

  async close(): Promise<void> {
    await rm(this.#lockFile, { force: true });
  }

  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** The folder of the secrets that sources and subscriptions refer to as `file:NAME`; only its owner may look into it. */
  async makeSecretsFolder(): Promise<string> {
    const folder = this.file("secrets");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  async readSecrets(): Promise<Secrets> {
    const text = await readOrNull(this.file("secrets.json"));
    if (text !== null) return secrets.parse(JSON.parse(text));
    const made: Secrets = {
      ownerPassword: randomBytes(18).toString("base64url"),
      servicePassword: randomBytes(18).toString("base64url"),
      clickhousePassword: randomBytes(18).toString("base64url"),
      apiKeys: {},
    };
    this.writeSecrets(made);
    return made;
  }

  writeSecrets(value: Secrets): void {
    this.#write("secrets.json", value);
  }

  writeConnection(value: ConnectionFile): void {
    this.#write("connection.json", value);
  }

  async hasDemo(): Promise<boolean> {
    return (await readOrNull(this.file("demo.json"))) !== null;
  }

  writeDemo(value: { seed: string; upTo: string; executions: number; webhooks: number }): void {
    this.#write("demo.json", value);
  }

  #write(name: string, value: unknown): void {
    writeAtomically(this.file(name), `${JSON.stringify(value, null, 2)}\n`, { durable: true });
  }

  /** The lock appears whole or not at all, and only where there is none: a link does both. */
  async #lock(): Promise<void> {
    const own = `${this.#lockFile}.${process.pid}-${randomBytes(4).toString("hex")}`;
    await writeFile(own, JSON.stringify(identifyProcess(process.pid)), { mode: 0o600 });
    try {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        if (await linked(own, this.#lockFile)) return;
        await this.#removeDeadLock();
      }
    } finally {
      await rm(own, { force: true });
    }
    throw new StartError(`${this.path} is being taken by another start; try again`);
  }

  async #removeDeadLock(): Promise<void> {
    const text = await readOrNull(this.#lockFile);
    if (text === null) return;
    const found = lock.safeParse(parseOrNull(text));
    if (found.success && findProcess(found.data) !== "gone") {
      const { pid, url, host } = found.data;
      throw new StartError(
        `Netra already runs with the data in ${this.path}: ${url ?? "it is starting"} (process ${pid} on ${host}).\n` +
          "Use that one, stop it, or start a second one beside it with a folder and a port of its own:\n" +
          `  npm start -- --data-dir ${this.path}-2 --port 0`,
      );
    }
    // Another start may have removed the dead lock first and set its own: that one is put back.
    const removed = `${this.#lockFile}.${process.pid}-removed`;
    await rename(this.#lockFile, removed).catch(ignoreMissing);
    if ((await readOrNull(removed)) !== text) await linked(removed, this.#lockFile);
    await rm(removed, { force: true });
  }
}

/** Whether the second name was free and now is another name of the file. */
async function linked(file: string, name: string): Promise<boolean> {
  try {
    await link(file, name);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "EEXIST" || error.code === "ENOENT"))
      return false;
    throw error;
  }
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function parseOrNull(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    const reason =
      code === "EEXIST" || code === "ENOTDIR" ? "a file is in its way" : `it cannot be made (${code})`;
    throw new StartError(`${path} cannot hold the data: ${reason}. Set NETRA_DATA_DIR to another folder.`, {
      cause: error,
    });
  }
}
