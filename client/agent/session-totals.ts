import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { isMissing, writeAtomically } from "../atomic-file.ts";
import { privateFolder } from "../state-dir.ts";
import type { Totals } from "./model-totals.ts";
import { parseTotals, serializeTotals } from "./model-totals.ts";

/**
 * Claude Code 2.1.277 and later report, for a resumed or forked session, the totals of all its runs. What the last run
 * of a session reported is remembered here, so that the next one's own part can be told.
 */
const SESSIONS_MAX = 2_000;
const KEPT_MS = 60 * 24 * 3_600_000;
const NAME = /^[0-9A-Za-z_-]{1,100}$/;
const stored = z.object({ totals: z.unknown() });

/**
 * What the session's last run reported; null when that is not known, cannot be read, or was not the last thing to happen
 * in the session. The run is then measured without it.
 */
export function findSessionTotals(stateFolder: string, sessionId: string): Totals | null {
  if (!NAME.test(sessionId)) return null;
  try {
    const text = readFileSync(join(stateFolder, "sessions", `${sessionId}.json`), "utf8");
    return parseTotals(stored.parse(JSON.parse(text)).totals);
  } catch {
    return null;
  }
}

/** Remembers what a run reported; null when it ended without a report, which makes what was known before useless. */
export function rememberSessionTotals(stateFolder: string, sessionId: string, totals: Totals | null): void {
  if (!NAME.test(sessionId)) return;
  const folder = privateFolder(stateFolder, "sessions");
  const path = join(folder, `${sessionId}.json`);
  if (totals === null) rmSync(path, { force: true });
  else writeAtomically(path, JSON.stringify({ totals: serializeTotals(totals) }), { durable: false });
}

/** Forgets sessions that nobody came back to, and the oldest beyond the bound. */
export function pruneSessionTotals(stateFolder: string, now: number = Date.now()): void {
  const folder = privateFolder(stateFolder, "sessions");
  const files: { path: string; at: number }[] = [];
  for (const name of readdirSync(folder)) {
    try {
      files.push({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  files.sort((a, b) => b.at - a.at);
  for (const [rank, { path, at }] of files.entries()) {
    if (rank >= SESSIONS_MAX || now - at > KEPT_MS) rmSync(path, { force: true });
  }
}
