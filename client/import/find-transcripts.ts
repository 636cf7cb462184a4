import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { compareText } from "./prompts.ts";

export interface TranscriptFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** Session the file belongs to by its place; null for an agent file that lies beside the session files. */
  readonly session: string | null;
  /** Set for the file of a sub-agent. */
  readonly agent: string | null;
}

export interface FoundTranscripts {
  readonly files: readonly TranscriptFile[];
  readonly unreadable: readonly { path: string; reason: string }[];
}

const DEPTH_MAX = 16;
const SESSION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SUFFIX = ".jsonl";

/** The folders Claude Code keeps its transcripts in: $CLAUDE_CONFIG_DIR (a comma list), else the two usual ones. */
export function listConfigFolders(env: Readonly<Record<string, string | undefined>>, home: string): string[] {
  const own = (env["CLAUDE_CONFIG_DIR"] ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (own.length > 0) return own;
  const xdg = env["XDG_CONFIG_HOME"];
  return [
    join(home, ".claude"),
    join(xdg === undefined || xdg === "" ? join(home, ".config") : xdg, "claude"),
  ];
}

/**
 * Lists the transcripts below the given paths, each file once however many ways lead to it. A path may be a
 * configuration folder (only its `projects` is searched), any folder of transcripts, or one session's file, which
 * brings its sub-agents with it. Links are followed once, so a loop of links ends.
 */
export async function findTranscripts(paths: readonly string[]): Promise<FoundTranscripts> {
  const files: TranscriptFile[] = [];
  const unreadable: { path: string; reason: string }[] = [];
  const seen = new Set<string>();

  const fail = (path: string, error: unknown): void => {
    if (!(error instanceof Error && "code" in error)) throw error;
    unreadable.push({ path, reason: String(error.code) });
  };

  const visit = async (path: string, depth: number, asked: boolean): Promise<void> => {
    try {
      const real = await realpath(path);
      const info = await stat(real);
      if (info.isDirectory()) {
        if (depth > DEPTH_MAX || seen.has(real)) return;
        seen.add(real);
        const entries = (await readdir(real, { withFileTypes: true })).sort(byName);
        const projects = asked ? entries.find((entry) => entry.name === "projects") : undefined;
        const inside = projects === undefined ? entries.filter(isWanted) : [projects];
        for (const entry of inside) await visit(join(path, entry.name), depth + 1, false);
      } else if (info.isFile() && path.endsWith(SUFFIX) && !seen.has(real)) {
        seen.add(real);
        files.push({ path, bytes: info.size, modifiedMs: info.mtimeMs, ...placeOf(path) });
        if (asked) await visitAgents(path);
      }
    } catch (error) {
      fail(path, error);
    }
  };

  const visitAgents = async (path: string): Promise<void> => {
    const folder = path.slice(0, -SUFFIX.length);
    const info = await stat(folder).catch(() => null);
    if (info?.isDirectory() === true) await visit(folder, 1, false);
  };

  for (const path of paths) await visit(path, 0, true);
  files.sort((a, b) => compareText(a.path, b.path));
  return { files, unreadable };
}

function placeOf(path: string): Pick<TranscriptFile, "session" | "agent"> {
  const name = basename(path, SUFFIX);
  const agent = name.startsWith("agent-") ? name.slice("agent-".length) : null;
  const folders = dirname(path).split(sep);
  const session =
    folders[folders.lastIndexOf("subagents") - 1] ?? folders.findLast((folder) => SESSION_ID.test(folder));
  if (session !== undefined) return { session, agent: agent ?? name };
  return agent === null ? { session: name, agent: null } : { session: null, agent };
}

function isWanted(entry: Dirent): boolean {
  return entry.isDirectory() || entry.isSymbolicLink() || entry.name.endsWith(SUFFIX);
}

function byName(a: Dirent, b: Dirent): number {
  return compareText(a.name, b.name);
}
