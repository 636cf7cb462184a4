import { readFileSync } from "node:fs";
import * as z from "zod";
import { type CommandFacts, levelKeys } from "../../shared/agent/prediction/level.ts";
import { logModelPrice } from "../../shared/agent/prediction/model-price.ts";
import type { Case } from "../../shared/agent/prediction/forecaster.ts";
import { patternSignature, shapeOf } from "../../shared/agent/pattern-signature.ts";
import type { Quantity } from "../../shared/agent/prediction/quantity.ts";
import { parseCommand } from "../../shared/agent/parse-command.ts";

const Tokens = z.object({
  input: z.number().default(0),
  output: z.number().default(0),
  cache_write: z.number().default(0),
  cache_read: z.number().default(0),
});

/** One line of a file of sessions. Only what is known before the run is used to predict; the rest are outcomes. */
const Line = z.object({
  repo: z.string().nullish(),
  first: z.string(),
  last: z.string().nullish(),
  by_model: z.record(z.string(), z.unknown()).nullish(),
  first_prompt: z.string().nullish(),
  first_prompt_chars: z.number().nullish(),
  tokens: Tokens.nullish(),
  sum_turn_duration_ms: z.number().nullish(),
  api_errors: z.number().nullish(),
  ccusage_cost_usd: z.number().nullish(),
});

export interface Session {
  readonly facts: CommandFacts;
  readonly command: Case;
  readonly model: string | null;
  readonly repository: string;
  readonly promptChars: number;
  /** When its outcome was known: it teaches nothing to sessions that began before. */
  readonly endAt: number;
  /** What it turned out to take; a quantity that the file does not tell is left out. */
  readonly outcome: Readonly<Partial<Record<Quantity, number>>>;
  readonly hadApiError: boolean;
}

export interface SessionFile {
  readonly sessions: readonly Session[];
  /** Lines that are no session: not JSON, or without a time. */
  readonly unreadable: number;
}

type LengthClass = ReturnType<typeof parseCommand>["features"]["length_class"];

/** About one word in six characters, as in English prompts: the file keeps only the beginning of long ones. */
const CHARS_PER_WORD = 6;

/** Reads a file of sessions, oldest first. */
export function readSessions(path: string): SessionFile {
  const sessions: Session[] = [];
  let unreadable = 0;
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line.trim() === "") continue;
    const session = toSession(line);
    if (session === null) unreadable++;
    else sessions.push(session);
  }
  return { sessions: sessions.sort((a, b) => a.command.at - b.command.at), unreadable };
}

function toSession(line: string): Session | null {
  const read = Line.safeParse(parseJson(line));
  if (!read.success) return null;
  const row = read.data;
  const at = Date.parse(row.first);
  if (Number.isNaN(at)) return null;
  const prompt = row.first_prompt ?? "";
  const promptChars = row.first_prompt_chars ?? prompt.length;
  const parsed = parseCommand(prompt);
  const features = {
    ...parsed.features,
    length_class: lengthClass(parsed.features.length_class, promptChars),
  };
  const facts: CommandFacts = {
    base: parsed.base,
    signature: patternSignature(shapeOf({ ...parsed, features })),
    features,
    repository: row.repo ?? null,
  };
  // The order of the file is that of first use: the model that a session was started with.
  const model = Object.keys(row.by_model ?? {}).find((name) => !name.startsWith("<")) ?? null;
  const logPrice = model === null ? null : logModelPrice(model, row.first);
  const lastAt = Date.parse(row.last ?? "");
  return {
    facts,
    command: { at, keys: levelKeys(facts), logPrice },
    model,
    repository: row.repo ?? "",
    promptChars,
    endAt: Number.isNaN(lastAt) ? at : Math.max(at, lastAt),
    outcome: outcomeOf(row),
    hadApiError: (row.api_errors ?? 0) > 0,
  };
}

function outcomeOf(row: z.infer<typeof Line>): Session["outcome"] {
  const { ccusage_cost_usd: cost, tokens, sum_turn_duration_ms: turnMs } = row;
  const total = tokens ? tokens.input + tokens.output + tokens.cache_write + tokens.cache_read : 0;
  return {
    ...(typeof cost === "number" && cost > 0 && { cost_usd: cost }),
    ...(tokens &&
      total > 0 && {
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        cache_write_tokens: tokens.cache_write,
        cache_read_tokens: tokens.cache_read,
        total_tokens: total,
      }),
    ...(typeof turnMs === "number" && turnMs > 0 && { duration_ms: turnMs }),
  };
}

/** The parser's class where the whole prompt is there; by its full length where the file keeps only its beginning. */
function lengthClass(parsed: LengthClass, promptChars: number): LengthClass {
  const words = promptChars / CHARS_PER_WORD;
  if (words <= 80) return parsed;
  return words <= 300 ? "l" : "xl";
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
