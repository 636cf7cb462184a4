/** How the main conversation stood at the last event of a prompt. */
export type PromptEnd =
  | { readonly kind: "open" }
  /** The agent answered and stopped; `sure` is false when it only looks so (old versions write no stop reason). */
  | { readonly kind: "answered"; readonly sure: boolean; readonly stopReason: string | null }
  | { readonly kind: "api-error"; readonly code: string | null }
  | { readonly kind: "refused" | "interrupted" | "turn-limit" | "local" };

/** What one file tells about one prompt. */
export interface PromptFacts {
  end: PromptEnd;
  endMs: number;
  lastMs: number;
  apiErrors: number;
  refusals: number;
  compactions: number;
  queuedPrompts: number;
  pullRequest: number | null;
  repository: string | null;
}

/** Text of a prompt, or where to read a long one again. */
export type CommandSource =
  | string
  | { readonly path: string; readonly offset: number; readonly bytes: number };

export interface Prompt {
  readonly index: number;
  /** Holds the requests of a session whose prompt was not found. */
  readonly orphans: boolean;
  /** Where the prompt was found; the session's own file comes before copies, and there the first line. */
  rank: readonly [copy: number, line: number, lineId: string];
  timestampMs: number | null;
  command: CommandSource;
  slash: boolean;
  sessionId: string | null;
  promptId: string | null;
  directory: string | null;
  branch: string | null;
  version: string | null;
  entrypoint: string | null;
  /** A later prompt was given in the same file. */
  superseded: boolean;
  /** Part of the next prompt. */
  absorbed: boolean;
  /** Last event of its sub-agents, from files of their own. */
  agentMs: number;
  /** When the youngest file it was found in was written to. */
  modifiedMs: number;
  readonly facts: Map<number, PromptFacts>;
}

export function newFacts(): PromptFacts {
  return {
    end: { kind: "open" },
    endMs: Number.NEGATIVE_INFINITY,
    lastMs: Number.NEGATIVE_INFINITY,
    apiErrors: 0,
    refusals: 0,
    compactions: 0,
    queuedPrompts: 0,
    pullRequest: null,
    repository: null,
  };
}

/** The facts of the file that followed the prompt longest. */
export function latestFacts(prompt: Prompt): PromptFacts {
  let latest: PromptFacts | null = null;
  for (const facts of prompt.facts.values()) {
    if (latest === null || facts.lastMs > latest.lastMs) latest = facts;
  }
  return latest ?? newFacts();
}

/** Order of prompts in time; prompts that are missing come last. */
export function comparePrompts(a: Prompt, b: Prompt): number {
  return (
    Number(a.orphans) - Number(b.orphans) ||
    (a.timestampMs ?? Number.MAX_SAFE_INTEGER) - (b.timestampMs ?? Number.MAX_SAFE_INTEGER) ||
    compareText(a.rank[2], b.rank[2])
  );
}

/** The session's own file before copies, then the first line. */
export function compareRanks(a: Prompt["rank"], b: Prompt["rank"]): number {
  return a[0] - b[0] || a[1] - b[1] || compareText(a[2], b[2]);
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
