import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setBounded } from "./bounded-map.ts";
import { describeError, type Log } from "./log.ts";
import { createSecretManager } from "./secret-manager.ts";
import { SecretMissing } from "./secret-missing.ts";

export { SecretMissing } from "./secret-missing.ts";

/**
 * Where secrets are read by reference, so that no table and no message holds one:
 * - `env:NAME`, an environment variable;
 * - `file:NAME`, a file of the secrets folder. Cloud Run mounts versions of Secret Manager as such files;
 * - `projects/PROJECT/secrets/NAME/versions/VERSION`, a version of Secret Manager by its number, its alias or `latest`.
 */
export interface SecretSource {
  /**
   * The secret, without a line break at its end. Throws SecretMissing when there is none, and the failure itself when it
   * cannot be read.
   */
  read: (reference: string) => Promise<string>;
  /** Reads it anew next time: what it was used for failed. At most once in ten seconds. */
  forget: (reference: string) => void;
}

/** One secret, for whoever needs no other. */
export interface SecretHandle {
  read: () => Promise<string>;
  forget: () => void;
}

export function secretAt(source: SecretSource, reference: string): SecretHandle {
  return { read: () => source.read(reference), forget: () => source.forget(reference) };
}

interface SecretSourceOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** Folder of `file:` references; without one there are none. */
  directory: string | undefined;
  /** Address of Secret Manager, where it is not Google's. */
  secretManagerUrl?: string | undefined;
  log: Log;
  now: () => number;
}

const TTL_MS = 5 * 60_000;
const RETRY_MS = 30_000;
/** How long a secret that cannot be read again goes on as it was. */
const STALE_MS_MAX = 60 * 60_000;
const FORGET_EVERY_MS = 10_000;
const ENTRIES_MAX = 10_000;
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/;

interface Entry {
  value: Promise<string>;
  /** When the value was read, and when that was last tried. */
  readAt: number;
  triedAt: number;
  until: number;
}

/**
 * Each secret is read once in five minutes, however many ask. When reading again fails, the last value goes on for an hour;
 * one that is gone stops working at once, for that is how a secret is taken back.
 */
export function createSecretSource(options: SecretSourceOptions): SecretSource {
  const entries = new Map<string, Entry>();
  const manager = createSecretManager({ apiUrl: options.secretManagerUrl });

  async function fetchSecret(reference: string): Promise<string> {
    const value = reference.startsWith("projects/")
      ? await manager.access(reference)
      : await readReference(reference, options);
    if (value === "") throw new SecretMissing(reference);
    return value;
  }

  async function refresh(reference: string, entry: Entry, stale: Entry | undefined): Promise<string> {
    try {
      return await fetchSecret(reference);
    } catch (error) {
      const isGone = error instanceof SecretMissing;
      if (isGone || stale === undefined || options.now() - stale.readAt >= STALE_MS_MAX) {
        if (entries.get(reference) === entry) entries.delete(reference);
        if (stale !== undefined) {
          options.log("ERROR", "a secret is gone; what needs it has stopped", {
            reference,
            ...describeError(error),
          });
        }
        throw error;
      }
      entry.readAt = stale.readAt;
      entry.until = options.now() + RETRY_MS;
      options.log("ERROR", "a secret could not be read again; its last value goes on", {
        reference,
        ...describeError(error),
      });
      return stale.value;
    }
  }

  return {
    read(reference) {
      const known = entries.get(reference);
      const now = options.now();
      if (known !== undefined && known.until > now) return known.value;
      const entry: Entry = { value: Promise.resolve(""), readAt: now, triedAt: now, until: now + TTL_MS };
      entry.value = refresh(reference, entry, known);
      setBounded(entries, reference, entry, ENTRIES_MAX);
      return entry.value;
    },
    forget(reference) {
      const known = entries.get(reference);
      if (known !== undefined && options.now() - known.triedAt >= FORGET_EVERY_MS) known.until = 0;
    },
  };
}

async function readReference(reference: string, options: SecretSourceOptions): Promise<string> {
  const [scheme, name = ""] = splitOnce(reference);
  if (scheme === "env") {
    const value = options.env[name];
    if (value === undefined) throw new SecretMissing(reference);
    return value;
  }
  if (scheme === "file" && options.directory !== undefined && FILE_NAME.test(name)) {
    try {
      return (await readFile(join(options.directory, name), "utf8")).replace(/\r?\n$/, "");
    } catch (cause) {
      if (isMissing(cause)) throw new SecretMissing(reference, { cause });
      throw cause;
    }
  }
  throw new SecretMissing(reference);
}

const MISSING_CODES = new Set<unknown>(["ENOENT", "ENOTDIR", "EISDIR"]);

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && MISSING_CODES.has(error.code);
}

function splitOnce(reference: string): [string, string | undefined] {
  const colon = reference.indexOf(":");
  return colon === -1 ? [reference, undefined] : [reference.slice(0, colon), reference.slice(colon + 1)];
}
