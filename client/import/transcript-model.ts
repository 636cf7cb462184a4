import { hash } from "node:crypto";
import { comparePrompts, compareRanks, compareText, newFacts } from "./prompts.ts";
import type { CommandSource, Prompt, PromptFacts } from "./prompts.ts";
import { RequestIndex } from "./request-index.ts";

/** The prompts of one session in the order they were read. */
interface Session {
  readonly prompts: Prompt[];
  readonly byPromptId: Map<string, Prompt>;
}

/** A prompt as one line of one file has it. */
export type PromptSighting = Pick<
  Prompt,
  | "sessionId"
  | "promptId"
  | "directory"
  | "branch"
  | "version"
  | "entrypoint"
  | "slash"
  | "timestampMs"
  | "rank"
> & { readonly command: string; readonly source: CommandSource };

/** What is known after reading transcripts: prompts, the sessions they belong to and the model requests they caused. */
export class TranscriptModel {
  readonly prompts: Prompt[] = [];
  readonly requests = new RequestIndex({
    earlier: (a, b) => this.#earlier(a, b),
    isFound: (owner) => this.prompts[owner]?.orphans === false,
  });
  readonly #byLine = new Map<string, Prompt>();
  readonly #byContent = new Map<string, Prompt>();
  readonly #sessions = new Map<string, Session>();
  readonly #orphans = new Map<string, Prompt>();

  /**
   * The prompt of a user line. Copies of a conversation keep the line's id; a resumed session that writes its history
   * again under new ids keeps session, time and text.
   */
  addPrompt(seen: PromptSighting, sessions: readonly string[]): Prompt {
    const content = `${seen.sessionId ?? ""}|${seen.timestampMs ?? ""}|${hash("sha1", seen.command, "base64url")}`;
    const known = this.#byLine.get(seen.rank[2]) ?? this.#byContent.get(content);
    const prompt = known ?? this.#newPrompt(seen, false);
    if (known !== undefined && isBetter(seen, known)) Object.assign(known, placeOf(seen));
    prompt.promptId ??= seen.promptId;
    this.#byLine.set(seen.rank[2], prompt);
    if (seen.timestampMs !== null && !this.#byContent.has(content)) this.#byContent.set(content, prompt);
    for (const session of sessions) {
      const { prompts, byPromptId } = this.#session(session);
      if (!prompts.includes(prompt, -64)) prompts.push(prompt);
      if (seen.promptId !== null && !byPromptId.has(seen.promptId)) byPromptId.set(seen.promptId, prompt);
    }
    return prompt;
  }

  /** Lets later lines with this prompt id find the prompt: notifications get ids of their own. */
  addPromptId(session: string, promptId: string, prompt: Prompt): void {
    const { byPromptId } = this.#session(session);
    if (!byPromptId.has(promptId)) byPromptId.set(promptId, prompt);
  }

  /** Stands for all requests of a session whose prompts are not in the files. */
  orphansOf(sessionId: string): Prompt {
    const known = this.#orphans.get(sessionId);
    if (known !== undefined) return known;
    const prompt = this.#newPrompt(
      {
        rank: [0, 0, sessionId],
        command: "",
        source: "",
        sessionId,
        promptId: null,
        timestampMs: null,
        slash: false,
        directory: null,
        branch: null,
        version: null,
        entrypoint: null,
      },
      true,
    );
    this.#orphans.set(sessionId, prompt);
    return prompt;
  }

  /** The prompt that was being worked on when a sub-agent of the session began. */
  promptAt(session: string, promptId: string | null, timestampMs: number | null): Prompt {
    const known = this.#sessions.get(session);
    const named = promptId === null ? undefined : known?.byPromptId.get(promptId);
    if (named !== undefined) return named;
    let first: Prompt | null = null;
    let running: Prompt | null = null;
    for (const prompt of known?.prompts ?? []) {
      if (first === null || comparePrompts(prompt, first) < 0) first = prompt;
      const began = timestampMs === null || (prompt.timestampMs ?? timestampMs) <= timestampMs;
      if (began && (running === null || comparePrompts(prompt, running) > 0)) running = prompt;
    }
    return running ?? first ?? this.orphansOf(session);
  }

  factsOf(prompt: Prompt, file: number): PromptFacts {
    const known = prompt.facts.get(file);
    if (known !== undefined) return known;
    const facts = newFacts();
    prompt.facts.set(file, facts);
    return facts;
  }

  #session(id: string): Session {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const session = { prompts: [], byPromptId: new Map<string, Prompt>() };
    this.#sessions.set(id, session);
    return session;
  }

  #newPrompt(seen: PromptSighting, orphans: boolean): Prompt {
    const prompt: Prompt = {
      ...placeOf(seen),
      index: this.prompts.length,
      orphans,
      promptId: seen.promptId,
      superseded: false,
      absorbed: false,
      agentMs: Number.NEGATIVE_INFINITY,
      modifiedMs: Number.NEGATIVE_INFINITY,
      facts: new Map<number, PromptFacts>(),
    };
    this.prompts.push(prompt);
    return prompt;
  }

  #earlier(a: number, b: number): number {
    const [first, second] = [this.prompts[a], this.prompts[b]];
    if (first === undefined || second === undefined) return a;
    return comparePrompts(first, second) <= 0 ? a : b;
  }
}

function placeOf(seen: PromptSighting) {
  return {
    rank: seen.rank,
    timestampMs: seen.timestampMs,
    command: seen.source,
    slash: seen.slash,
    sessionId: seen.sessionId,
    directory: seen.directory,
    branch: seen.branch,
    version: seen.version,
    entrypoint: seen.entrypoint,
  };
}

function isBetter(seen: PromptSighting, known: Prompt): boolean {
  return (
    (compareRanks(seen.rank, known.rank) || compareText(seen.sessionId ?? "", known.sessionId ?? "")) < 0
  );
}
