import { hash } from "node:crypto";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMissing } from "../atomic-file.ts";
import type { Connection } from "../connection.ts";
import { privateFolder } from "../state-dir.ts";
import { countsOf, usageFrom } from "../usage-kinds.ts";
import type { Usage } from "../../shared/agent/usage.ts";

/** What one execution put on record when it was sent. */
export interface SentExecution {
  readonly id: string;
  readonly finished: boolean;
  readonly requests: readonly (readonly [key: string, usage: Usage])[];
}

/**
 * What earlier imports to the same server and key have sent: which executions, and which requests with how many tokens.
 * About 150 bytes for each request in memory and 80 on disk.
 */
export interface ImportState {
  isFinished(executionId: string): boolean;
  isPending(executionId: string): boolean;
  findRequest(key: string): Usage | null;
  /** Remembers what the server has confirmed. */
  add(sent: readonly SentExecution[]): void;
}

/** A state that is forgotten with the process. */
export function createImportState(
  save: (lines: string) => void = () => {},
): ImportState & { load(text: string): void } {
  const executions = new Map<string, boolean>();
  const requests = new Map<string, string>();
  const take = (id: string, finished: boolean, sent: readonly (readonly [string, string])[]): void => {
    executions.set(id, finished || executions.get(id) === true);
    for (const [key, counts] of sent) {
      const known = requests.get(key);
      requests.set(key, known === undefined ? counts : mostOf(known, counts));
    }
  };
  return {
    isFinished: (id) => executions.get(id) === true,
    isPending: (id) => executions.get(id) === false,
    findRequest: (key) => {
      const counts = requests.get(shortKey(key));
      return counts === undefined ? null : usageFrom(counts.split(",").map(Number));
    },
    add: (sent) => {
      let lines = "";
      for (const { id, finished, requests: with_ } of sent) {
        const entries = with_.map(([key, usage]) => [shortKey(key), countsOf(usage).join(",")] as const);
        take(id, finished, entries);
        lines += `${JSON.stringify({ id, finished, requests: Object.fromEntries(entries) })}\n`;
      }
      if (lines !== "") save(lines);
    },
    load: (text) => {
      for (const line of text.split("\n")) {
        const read = parseLine(line);
        if (read !== null) take(read.id, read.finished, Object.entries(read.requests));
      }
    },
  };
}

/**
 * The state in the client's state folder. The file is only ever appended to, a line at a time, so a torn line of a
 * killed import costs nothing but a few answers "already there" of the server.
 */
export function openImportState(
  stateFolder: string,
  connection: Connection,
  { forget = false }: { forget?: boolean } = {},
): ImportState {
  const name = hash("sha256", `${connection.url}\n${connection.apiKey}`, "hex").slice(0, 32);
  const path = join(privateFolder(stateFolder, "import"), `${name}.ndjson`);
  // A line feed first: the last line may be torn.
  const state = createImportState((lines) => appendFileSync(path, `\n${lines}`, { mode: 0o600 }));
  if (forget) writeFileSync(path, "", { mode: 0o600 });
  try {
    state.load(readFileSync(path, "utf8"));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return state;
}

function parseLine(line: string): { id: string; finished: boolean; requests: Record<string, string> } | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("id" in value) || !("requests" in value))
      return null;
    const { id, requests } = value;
    if (typeof id !== "string" || typeof requests !== "object" || requests === null) return null;
    const valid = Object.entries(requests).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    );
    return {
      id,
      finished: "finished" in value && value.finished === true,
      requests: Object.fromEntries(valid),
    };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function shortKey(key: string): string {
  return hash("md5", key, "base64url");
}

function mostOf(a: string, b: string): string {
  const [first, second] = [a.split(",").map(Number), b.split(",").map(Number)];
  return first.map((count, index) => Math.max(count, second[index] ?? 0)).join(",");
}
