import { readFileSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import type { ExecutionInput } from "../shared/agent/execution.ts";
import { isMissing, writeAtomically } from "./atomic-file.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { findProcess, identifyProcess, processIdentity } from "./process-identity.ts";
import type { Spool, Target } from "./spool.ts";
import { listSpool, serialize, spoolHead } from "./spool.ts";

export interface SpooledBatch {
  readonly path: string;
  /** The server it was meant for; null when none was configured then. */
  readonly target: Target | null;
  readonly executions: readonly ExecutionInput[];
}

/** A claim made on another machine that shares the folder counts as abandoned after this time. */
const ELSEWHERE_MS_MAX = 10 * 60_000;

// Written by addToSpool from an ExecutionInput; the server checks every field of it anyway.
const spooledExecution = z.custom<ExecutionInput>(
  (one) => z.object({ id: z.string() }).safeParse(one).success,
);

/** Takes the batches that `wanted` accepts, oldest first, each for this process alone. */
export function* claimBatches(
  spool: Spool,
  wanted: (target: Target | null) => boolean,
): Generator<SpooledBatch> {
  const me = encodeOwner(identifyProcess(process.pid));
  for (const name of listSpool(spool, "ready")) {
    const ready = join(spool.folder, "ready", name);
    const batch = readBatch(spool, ready);
    if (batch === null || !wanted(batch.target)) continue;
    const claimed = join(spool.folder, "claimed", `${name}.${me}`);
    try {
      renameSync(ready, claimed);
      const now = new Date();
      utimesSync(claimed, now, now);
    } catch (error) {
      if (isMissing(error)) continue;
      throw error;
    }
    yield { ...batch, path: claimed };
  }
}

/** The batch is on the server, or in `rejected`: forget it. */
export function removeBatch(batch: SpooledBatch): void {
  rmSync(batch.path, { force: true });
}

/** Gives a claimed batch back, with only the records that still are to be sent. */
export function releaseBatch(spool: Spool, batch: SpooledBatch, unsent: readonly ExecutionInput[]): void {
  const ready = join(spool.folder, "ready", nameOf(batch.path));
  if (unsent.length === batch.executions.length) {
    renameSync(batch.path, ready);
    return;
  }
  const lines = unsent.map((execution) => JSON.stringify(execution));
  writeAtomically(ready, serialize(lines, batch.target), { durable: true });
  removeBatch(batch);
}

/** Puts claims of processes that have ended back; answers how many. */
export function recoverClaims(spool: Spool, now: number = Date.now()): number {
  let recovered = 0;
  for (const name of listSpool(spool, "claimed")) {
    const path = join(spool.folder, "claimed", name);
    const owner = decodeOwner(name);
    const state = owner === null ? "gone" : findProcess(owner);
    try {
      if (state === "running") continue;
      if (state === "elsewhere" && now - statSync(path).mtimeMs < ELSEWHERE_MS_MAX) continue;
      renameSync(path, join(spool.folder, "ready", nameOf(path)));
      recovered += 1;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return recovered;
}

/** Null when another process was faster, or when the file is damaged: that one is put aside so that it stops no other. */
function readBatch(spool: Spool, path: string): SpooledBatch | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    const [first = "", ...rest] = text.trimEnd().split("\n");
    const { target } = spoolHead.parse(JSON.parse(first));
    return { path, target, executions: rest.map((line) => spooledExecution.parse(JSON.parse(line))) };
  } catch {
    renameSync(path, join(spool.folder, "rejected", `${nameOf(path)}.damaged`));
    return null;
  }
}

/** The batch's own name: a claim carries its owner behind it. */
function nameOf(path: string): string {
  const name = basename(path);
  return name.slice(0, name.indexOf(".ndjson") + ".ndjson".length);
}

function encodeOwner(identity: ProcessIdentity): string {
  return Buffer.from(JSON.stringify(identity)).toString("base64url");
}

function decodeOwner(name: string): ProcessIdentity | null {
  try {
    const json = Buffer.from(name.slice(name.lastIndexOf(".") + 1), "base64url").toString("utf8");
    return processIdentity.parse(JSON.parse(json));
  } catch {
    return null;
  }
}
