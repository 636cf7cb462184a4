import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setBounded } from "./bounded-map.ts";
import { describeError, type Log } from "./log.ts";
import { createSecretManager } from "./secret-manager.ts";
import { SecretMissing } from "./secret-missing.ts";
import { kindOfReference } from "./secret-reference.ts";
import { secretText } from "./secret-text.ts";

export { SecretMissing } from "./secret-missing.ts";

/**
 * Where secrets are read by reference, so that no table and no message holds one:
 * - `env:NAME`, an environment variable;
 * - `file:NAME`, a file of the secrets folder or, as `file:FOLDER/NAME`, below it: Cloud Run mounts a version of Secret
 *   Manager as a file in a folder that nothing else is mounted in, so each secret has one of its own;
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

interface Entry {
  value: Promise<string>;
  /** When the value was read, and when that was last tried. */
  readAt: number;
  triedAt: number;
  until: number;
  /** It could not be read again: the value is that of an earlier time. */
  isFailing: boolean;
}

/**
 * Each secret is read once in five minutes, however many ask. When reading again fails, the last value goes on for an hour,
 * and nobody waits for the next tries; one that is gone stops working at once, for that is how a secret is taken back.
 */
export function createSecretSource(options: SecretSourceOptions): SecretSource {
  const entries = new Map<string, Entry>();
  const manager = createSecretManager({ apiUrl: options.secretManagerUrl });

  async function fetchSecret(reference: string): Promise<string> {
    const value = await readPlace(reference);
    if (value === "" || value === undefined) throw new SecretMissing(reference);
    return value;
  }

  /** What is there; undefined where nothing is. */
  async function readPlace(reference: string): Promise<string | undefined> {
    const place = reference.slice(reference.indexOf(":") + 1);
    const kind = kindOfReference(reference);
    if (kind === "variable") return options.env[place];
    if (kind === "version") return manager.access(reference);
    if (kind === null || options.directory === undefined) return undefined;
    return readText(join(options.directory, place));
  }

  async function refresh(reference: string, entry: Entry, stale: Entry | undefined): Promise<string> {
    try {
      return await fetchSecret(reference);
    } catch (error) {
      const isGone = error instanceof SecretMissing;
      if (isGone || stale === undefined || options.now() - stale.readAt >= STALE_MS_MAX) {
        if (entries.get(reference) === entry) entries.delete(reference);
        if (stale !== undefined) {
          const why = isGone ? "is gone" : "could not be read for an hour";
          options.log("ERROR", `a secret ${why}; what needs it has stopped`, {
            reference,
            ...describeError(error),
          });
        }
        throw error;
      }
      entry.readAt = stale.readAt;
      entry.until = options.now() + RETRY_MS;
      entry.isFailing = true;
      options.log("ERROR", "a secret could not be read again; its last value goes on", {
        reference,
        ...describeError(error),
      });
      return stale.value;
    }
  }

  /** Puts what is being read in place of a value that goes on meanwhile. Failures are logged where it is read. */
  async function replace(reference: string, known: Entry, entry: Entry): Promise<void> {
    const isRead = await entry.value.then(
      () => true,
      () => false,
    );
    if (entries.get(reference) !== known) return;
    if (isRead) setBounded(entries, reference, entry, ENTRIES_MAX);
    else entries.delete(reference);
  }

  return {
    read(reference) {
      const known = entries.get(reference);
      const now = options.now();
      if (known !== undefined && known.until > now) return known.value;
      const entry: Entry = {
        value: Promise.resolve(""),
        readAt: now,
        triedAt: now,
        until: now + TTL_MS,
        isFailing: false,
      };
      entry.value = refresh(reference, entry, known);
      if (known?.isFailing === true && now - known.readAt < STALE_MS_MAX) {
        known.until = now + RETRY_MS;
        known.triedAt = now;
        void replace(reference, known, entry);
        return known.value;
      }
      setBounded(entries, reference, entry, ENTRIES_MAX);
      return entry.value;
    },
    forget(reference) {
      const known = entries.get(reference);
      if (known === undefined || options.now() - known.triedAt < FORGET_EVERY_MS) return;
      known.until = 0;
      // Who asks next wants another value, and waits for it.
      known.isFailing = false;
    },
  };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return secretText(await readFile(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const MISSING_CODES = new Set<unknown>(["ENOENT", "ENOTDIR", "EISDIR"]);

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && MISSING_CODES.has(error.code);
}
