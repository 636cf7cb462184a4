import { hash } from "node:crypto";
import { totalTokens } from "../../shared/agent/usage.ts";
import type { Usage } from "../../shared/agent/usage.ts";
import type { RequestLine, ToolUse } from "./request-line.ts";
import { compareText } from "./prompts.ts";

/** One model request, however many lines and files repeat it. */
export interface ModelCall {
  /** Stable name of the request across files and imports. */
  readonly key: string;
  readonly requestId: string;
  sidechain: boolean;
  timestampMs: number | null;
  lastMs: number | null;
  model: string;
  usage: Usage;
  fast: boolean | null;
  inferenceGeo: string | null;
  webSearches: number;
  tools: readonly ToolUse[];
  agent: string;
  complete: boolean;
  /** Number of the prompt that caused it. */
  owner: number;
  /** File it was last met in. */
  file: number;
  next: ModelCall | null;
}

/** What the index has to know of prompts, which it holds by their numbers. */
export interface Owners {
  /** The prompt a request belongs to when two files name one each. */
  earlier(a: number, b: number): number;
  /** False for the stand-in of a prompt that is in none of the files. */
  isFound(owner: number): boolean;
}

const NO_TOOLS: readonly ToolUse[] = Object.freeze([]);

/**
 * De-duplicates model requests over all files.
 *
 * A request is named by its message id and request id. Lines that agree in both are one request: the agent writes one
 * line for each content block, the first ones with partial token counts, so the line with most tokens is taken.
 * Within one message id, a line of a side conversation (`/btw` replays the conversation under request ids of its own)
 * or without a request id is a replay of the request of the main conversation when there is one; when there is none,
 * all of them are one request. Without a message id the request id, the line's own id, or its content is the name.
 * The outcome does not depend on the order of lines and files. A distinct request takes about 900 bytes
 * with its share of the prompts: 70 MB for the 70,000 requests of 1 GB of transcripts.
 */
export class RequestIndex {
  readonly #calls = new Map<string, ModelCall>();
  readonly #names = new Map<string, string>();
  readonly #owners: Owners;

  constructor(owners: Owners) {
    this.#owners = owners;
  }

  /** Adds a line that the file number `file` has under a prompt. In one file the first place counts. */
  add(line: RequestLine, owner: number, file: number): void {
    const name = line.messageId ?? nameWithoutMessage(line);
    const requestId = line.requestId ?? "";
    const first = this.#calls.get(name) ?? null;
    for (let call = first; call !== null; call = call.next) {
      if (call.requestId === requestId) return this.#merge(call, line, owner, file);
    }
    const call: ModelCall = {
      key: requestId === "" ? name : `${name}|${requestId}`,
      requestId,
      sidechain: line.sidechain,
      timestampMs: line.timestampMs,
      lastMs: line.timestampMs,
      model: this.#intern(line.model),
      usage: line.usage,
      fast: line.fast,
      inferenceGeo: line.inferenceGeo === null ? null : this.#intern(line.inferenceGeo),
      webSearches: line.webSearches,
      tools: this.#addTools(NO_TOOLS, line.tools),
      agent: this.#intern(line.agent ?? ""),
      complete: line.complete,
      owner,
      file,
      next: first,
    };
    this.#calls.set(name, call);
  }

  /** Every distinct request; call it once all files are read. */
  *list(): Generator<ModelCall> {
    for (const first of this.#calls.values()) {
      if (first.next === null) yield first;
      else yield* this.#settle(first);
    }
  }

  #settle(first: ModelCall): ModelCall[] {
    const all: ModelCall[] = [];
    for (let call: ModelCall | null = first; call !== null; call = call.next) all.push(call);
    const originals = all.filter((call) => call.requestId !== "" && !call.sidechain).sort(byKey);
    const replays = all.filter((call) => call.requestId === "" || call.sidechain).sort(byKey);
    if (originals.length > 1) return originals;
    const [kept, ...rest] = originals.length === 1 ? [...originals, ...replays] : replays.sort(byRank);
    if (kept === undefined) return [];
    for (const replay of rest) {
      if (originals.length === 0 || !this.#owners.isFound(kept.owner)) {
        kept.owner = this.#owners.earlier(kept.owner, replay.owner);
      }
      if (originals.length === 0 || replay.requestId === "") this.#take(kept, replay);
    }
    return [kept];
  }

  #merge(call: ModelCall, line: RequestLine, owner: number, file: number): void {
    if (call.file !== file) call.owner = this.#owners.earlier(call.owner, owner);
    call.file = file;
    call.sidechain &&= line.sidechain;
    if (call.agent === "" && line.agent !== null) call.agent = this.#intern(line.agent);
    this.#take(call, { ...line, lastMs: line.timestampMs, model: this.#intern(line.model) });
  }

  #take(
    call: ModelCall,
    other: Pick<
      ModelCall,
      | "timestampMs"
      | "lastMs"
      | "model"
      | "usage"
      | "fast"
      | "inferenceGeo"
      | "webSearches"
      | "tools"
      | "complete"
    >,
  ): void {
    call.timestampMs = least(call.timestampMs, other.timestampMs);
    call.lastMs = most(call.lastMs, other.lastMs);
    call.tools = this.#addTools(call.tools, other.tools);
    call.complete ||= other.complete;
    call.webSearches = Math.max(call.webSearches, other.webSearches);
    call.inferenceGeo ??= other.inferenceGeo;
    call.fast = call.fast === null ? other.fast : call.fast || other.fast === true;
    if (comparePrice(other, call) > 0) {
      call.usage = other.usage;
      call.model = other.model;
    }
  }

  #addTools(known: readonly ToolUse[], more: readonly ToolUse[]): readonly ToolUse[] {
    const fresh = more.filter((use) => !known.some((one) => isSameUse(one, use)));
    return fresh.length === 0
      ? known
      : [...known, ...fresh.map(({ id, name }) => ({ id, name: this.#intern(name) }))];
  }

  #intern(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    this.#names.set(text, text);
    return text;
  }
}

function isSameUse(a: ToolUse, b: ToolUse): boolean {
  return a.id === b.id && (a.id !== "" || a.name === b.name);
}

/** More tokens first; with the same number the one with more output, and then any fixed order. */
function comparePrice(a: Pick<ModelCall, "usage" | "model">, b: Pick<ModelCall, "usage" | "model">): number {
  return (
    totalTokens(a.usage) - totalTokens(b.usage) ||
    a.usage.output_tokens - b.usage.output_tokens ||
    a.usage.cache_write_1h_tokens - b.usage.cache_write_1h_tokens ||
    a.usage.input_tokens - b.usage.input_tokens ||
    a.usage.cache_read_tokens - b.usage.cache_read_tokens ||
    compareText(b.model, a.model)
  );
}

function byKey(a: ModelCall, b: ModelCall): number {
  return compareText(a.key, b.key);
}

/** Of replays alone: the one with most tokens, then any fixed order. */
function byRank(a: ModelCall, b: ModelCall): number {
  return comparePrice(b, a) || byKey(a, b);
}

function least(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

function most(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

function nameWithoutMessage(line: RequestLine): string {
  if (line.requestId !== null) return `request:${line.requestId}`;
  if (line.lineId !== null) return `line:${line.lineId}`;
  const content = JSON.stringify([line.timestampMs, line.model, line.usage, line.tools, line.agent]);
  return `content:${hash("sha1", content, "base64url")}`;
}
