import { z } from "zod";
import { parseUsd } from "../../shared/agent/usd.ts";
import type { ModelTotals } from "./messages.ts";

/** What one model was used for, as a result reports it. */
export interface ModelTotal {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  /** Cache writes of both lifetimes together. */
  readonly cacheWrite: number;
  /** Those that live an hour; null when the agent is too old to tell. */
  readonly cacheWrite1h: number | null;
  readonly webSearches: number;
  /** Pico-dollars as the agent reckons them; null when it does not say, or reckoned an unknown model at a guess. */
  readonly costPico: bigint | null;
  readonly guessedPico: bigint | null;
}
/** Totals by the name of the model that served. */
export type Totals = ReadonlyMap<string, ModelTotal>;

export const NO_TOTAL: ModelTotal = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  webSearches: 0,
  costPico: 0n,
  guessedPico: null,
};

const storedTotal = z.object({
  input: z.int().min(0),
  output: z.int().min(0),
  cacheRead: z.int().min(0),
  cacheWrite: z.int().min(0),
  cacheWrite1h: z.int().min(0).nullable(),
  webSearches: z.int().min(0),
  costPico: z.string().regex(/^\d+$/).transform(BigInt).nullable(),
  guessedPico: z.string().regex(/^\d+$/).transform(BigInt).nullable(),
});
const storedTotals = z.record(z.string(), storedTotal);

export function toTotals(reported: ModelTotals): Totals {
  const totals = new Map<string, ModelTotal>();
  for (const [name, one] of Object.entries(reported)) {
    const pico = one.costUSD === undefined ? null : parseUsd(String(one.costUSD));
    const guessed = one.costBasis === "unknown";
    const total: ModelTotal = {
      input: one.inputTokens,
      output: one.outputTokens,
      cacheRead: one.cacheReadInputTokens,
      cacheWrite: one.cacheCreationInputTokens,
      cacheWrite1h: splitOf(one),
      webSearches: one.webSearchRequests,
      costPico: guessed ? null : pico,
      guessedPico: guessed ? pico : null,
    };
    const served = one.canonicalModel ?? name.replace(/\[[^\]]*\]$/, "");
    totals.set(served, combine(totals.get(served) ?? NO_TOTAL, total, 1));
  }
  return totals;
}

/** The one-hour part of the cache writes, when the agent says how they divide. */
function splitOf(one: ModelTotals[string]): number | null {
  const hour = one.cacheCreationEphemeral1hInputTokens;
  const minutes = one.cacheCreationEphemeral5mInputTokens;
  if (one.cacheCreationInputTokens === 0) return 0;
  if (hour === undefined || minutes === undefined) return null;
  return hour + minutes === one.cacheCreationInputTokens ? hour : null;
}

export function addTotals(a: Totals, b: Totals): Totals {
  const sum = new Map(a);
  for (const [model, total] of b) sum.set(model, combine(sum.get(model) ?? NO_TOTAL, total, 1));
  return sum;
}

/** What came on top of `before`; null when `after` does not continue it. Models nothing came on top of are left out. */
export function subtractTotals(after: Totals, before: Totals): Totals | null {
  const rest = new Map<string, ModelTotal>();
  for (const [model, earlier] of before) if (!after.has(model) && !isNothing(earlier)) return null;
  for (const [model, total] of after) {
    const difference = combine(total, before.get(model) ?? NO_TOTAL, -1);
    const { input, output, cacheRead, cacheWrite, webSearches } = difference;
    if (Math.min(input, output, cacheRead, cacheWrite, webSearches, difference.cacheWrite1h ?? 0) < 0)
      return null;
    if (!isNothing(difference)) rest.set(model, difference);
  }
  return rest;
}

/** Dollars of all models together; null when the agent does not know one of them. */
export function reportedCost(totals: Totals): { costPico: bigint | null; guessedPico: bigint | null } {
  let costPico: bigint | null = 0n;
  let guessedPico: bigint | null = null;
  for (const total of totals.values()) {
    costPico = addKnown(costPico, total.costPico);
    if (total.guessedPico !== null) guessedPico = (guessedPico ?? 0n) + total.guessedPico;
  }
  return { costPico, guessedPico };
}

export function serializeTotals(totals: Totals): unknown {
  return Object.fromEntries(
    [...totals].map(([model, total]) => [
      model,
      {
        ...total,
        costPico: total.costPico?.toString() ?? null,
        guessedPico: total.guessedPico?.toString() ?? null,
      },
    ]),
  );
}

export function parseTotals(value: unknown): Totals | null {
  const parsed = storedTotals.safeParse(value);
  return parsed.success ? new Map(Object.entries(parsed.data)) : null;
}

function combine(a: ModelTotal, b: ModelTotal, sign: 1 | -1): ModelTotal {
  const factor = BigInt(sign);
  return {
    input: a.input + sign * b.input,
    output: a.output + sign * b.output,
    cacheRead: a.cacheRead + sign * b.cacheRead,
    cacheWrite: a.cacheWrite + sign * b.cacheWrite,
    cacheWrite1h:
      a.cacheWrite1h === null || b.cacheWrite1h === null ? null : a.cacheWrite1h + sign * b.cacheWrite1h,
    webSearches: a.webSearches + sign * b.webSearches,
    costPico: a.costPico === null || b.costPico === null ? null : a.costPico + factor * b.costPico,
    guessedPico:
      a.guessedPico === null && b.guessedPico === null
        ? null
        : (a.guessedPico ?? 0n) + factor * (b.guessedPico ?? 0n),
  };
}

function isNothing({ input, output, cacheRead, cacheWrite, webSearches }: ModelTotal): boolean {
  return input + output + cacheRead + cacheWrite + webSearches === 0;
}

function addKnown(a: bigint | null, b: bigint | null): bigint | null {
  return a === null || b === null ? null : a + b;
}
