import { createHash } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import type { ExecutionInput } from "../shared/agent/execution.ts";
import { isMissing, writeAtomically } from "./atomic-file.ts";
import { cutBatches } from "./batches.ts";
import type { Connection } from "./connection.ts";
import type { RejectedRecord } from "./ingest-answer.ts";
import { privateFolder } from "./state-dir.ts";

/**
 * Records that wait on disk for a server. One file per batch: a head line saying for which server, then one record a
 * line. `ready` files are free to take; a sender claims one by renaming it into `claimed`, which only one can do, and a
 * claim of a process that has ended goes back. `rejected` holds what the server does not want, with its reasons.
 */
export interface Spool {
  readonly folder: string;
  /** The state folder it is in. */
  readonly stateFolder: string;
  readonly limits: SpoolLimits;
}

export interface SpoolLimits {
  readonly bytesMax: number;
  readonly filesMax: number;
  readonly rejectedFilesMax: number;
}

/** The spool is at its limit, and the records were not stored. */
export class SpoolFullError extends Error {
  override readonly name = "SpoolFullError";
}

const LIMITS: SpoolLimits = { bytesMax: 256 * 1024 * 1024, filesMax: 20_000, rejectedFilesMax: 1_000 };

/** Tells servers and keys apart without holding the key. */
export const spoolTarget = z.object({ url: z.string(), key: z.string() });
export type Target = z.infer<typeof spoolTarget>;
/** First line of a file; the target is null when no server was configured. */
export const spoolHead = z.object({ netraSpool: z.literal(1), target: spoolTarget.nullable() });

export function openSpool(stateFolder: string, limits: Partial<SpoolLimits> = {}): Spool {
  const folder = privateFolder(stateFolder, "spool");
  for (const name of ["ready", "claimed", "rejected"]) privateFolder(folder, name);
  return { folder, stateFolder, limits: { ...LIMITS, ...limits } };
}

export function targetOf(connection: Connection): Target {
  const key = createHash("sha256").update(connection.apiKey).digest("hex").slice(0, 16);
  return { url: connection.url, key };
}

/** Stores records durably, to be sent later; throws SpoolFullError, with nothing stored, rather than forget anything. */
export function addToSpool(
  spool: Spool,
  executions: readonly ExecutionInput[],
  meantFor: Target | null,
): void {
  const texts = [...cutBatches(executions)].map(({ lines }) => serialize(lines, meantFor));
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const size = measureSpool(spool);
  if (size.bytes + bytes > spool.limits.bytesMax || size.files + texts.length > spool.limits.filesMax) {
    throw new SpoolFullError(
      `the spool ${spool.folder} is full (${size.files} files, ${Math.round(size.bytes / 1e6)} MB); ` +
        `${executions.length} record(s) were NOT kept. Bring the server back and run netra flush.`,
    );
  }
  for (const text of texts) {
    writeAtomically(join(spool.folder, "ready", `${uuidv7()}.ndjson`), text, { durable: true });
  }
}

/** Puts records the server does not want aside, with its reasons. Answers how many old files had to go for them. */
export function setAside(
  spool: Spool,
  executions: readonly ExecutionInput[],
  rejected: readonly RejectedRecord[],
): number {
  if (rejected.length === 0) return 0;
  const lines = rejected.map(({ index, errors }) =>
    JSON.stringify({ errors, execution: executions[index] ?? null }),
  );
  const folder = join(spool.folder, "rejected");
  writeAtomically(join(folder, `${uuidv7()}.ndjson`), `${lines.join("\n")}\n`, { durable: true });
  const surplus = listSpool(spool, "rejected").slice(0, -spool.limits.rejectedFilesMax);
  for (const name of surplus) rmSync(join(folder, name), { force: true });
  return surplus.length;
}

/** What waits, claimed batches included. */
export function measureSpool(spool: Spool): { files: number; bytes: number } {
  let bytes = 0;
  let files = 0;
  for (const kind of ["ready", "claimed"] as const) {
    for (const name of listSpool(spool, kind)) {
      try {
        bytes += statSync(join(spool.folder, kind, name)).size;
        files += 1;
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  }
  return { files, bytes };
}

/** Names of the files of one state, oldest first. */
export function listSpool(spool: Spool, kind: "ready" | "claimed" | "rejected"): string[] {
  return readdirSync(join(spool.folder, kind))
    .filter((name) => name.includes(".ndjson") && !name.endsWith(".tmp"))
    .sort();
}

export function serialize(lines: readonly string[], meantFor: Target | null): string {
  return `${[JSON.stringify({ netraSpool: 1, target: meantFor }), ...lines].join("\n")}\n`;
}
