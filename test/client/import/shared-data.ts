import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Usage } from "../../../shared/agent/usage.ts";

/** Real transcripts are not part of the project; tests with them run where they are. */
const ROOT =
  process.env["NETRA_SHARED_DATA"] ?? join(import.meta.dirname, "..", "..", "..", "..", "shared", "data");
export const TRANSCRIPTS = join(ROOT, "transcripts");
export const CAPTURES = join(ROOT, "agent-captures");
export const haveTranscripts = existsSync(join(TRANSCRIPTS, "ccusage-daily.json"));
export const haveCaptures = existsSync(CAPTURES);

/** Token counts as ccusage names and splits them. */
export type Counts = [input: number, output: number, cacheWrites: number, cacheReads: number];

export function countsOf(usage: Usage): Counts {
  const { cache_write_5m_tokens: write5m, cache_write_1h_tokens: write1h } = usage;
  return [usage.input_tokens, usage.output_tokens, write5m + write1h, usage.cache_read_tokens];
}

/** Sums for a day and model, without those that are nothing. */
export class Table {
  readonly #rows = new Map<string, Counts>();

  add(day: string, model: string, counts: Counts, times = 1): void {
    const row = this.#rows.get(`${day} ${model}`) ?? [0, 0, 0, 0];
    this.#rows.set(`${day} ${model}`, [
      row[0] + times * counts[0],
      row[1] + times * counts[1],
      row[2] + times * counts[2],
      row[3] + times * counts[3],
    ]);
  }

  rows(): Record<string, Counts> {
    const used = [...this.#rows].filter(([, counts]) => counts.some((count) => count !== 0));
    return Object.fromEntries(used.sort(([a], [b]) => a.localeCompare(b)));
  }
}

interface RawLine {
  readonly file: string;
  readonly text: string;
  readonly entry: {
    readonly type?: string;
    readonly requestId?: string;
    readonly timestamp?: string;
    readonly isSidechain?: boolean;
    readonly message?: {
      readonly id?: string;
      readonly model?: string;
      readonly usage?: Record<string, number>;
    };
  };
}

/** Every assistant line as it stands in the files, repeats and all. */
export function* rawAssistantLines(folder: string): Generator<RawLine> {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".jsonl")) continue;
    for (const text of readFileSync(join(folder, name), "utf8").split("\n")) {
      if (!text.includes('"assistant"')) continue;
      const entry = parse(text);
      if (entry?.type === "assistant" && entry.message?.model !== "<synthetic>")
        yield { file: name, text, entry };
    }
  }
}

function parse(text: string): RawLine["entry"] | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function rawCounts(entry: RawLine["entry"]): Counts {
  const usage = entry.message?.usage ?? {};
  return [
    usage["input_tokens"] ?? 0,
    usage["output_tokens"] ?? 0,
    usage["cache_creation_input_tokens"] ?? 0,
    usage["cache_read_input_tokens"] ?? 0,
  ];
}
