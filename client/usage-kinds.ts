import type { ExecutionInput } from "../shared/agent/execution.ts";
import type { Usage } from "../shared/agent/usage.ts";

const USAGE_KINDS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
] as const satisfies readonly (keyof Usage)[];

/** The counts of a usage in the order of its kinds, as the state folder keeps them. */
export function countsOf(
  usage: NonNullable<ExecutionInput["usage"]>,
): [number, number, number, number, number] {
  const { cache_read_tokens = 0, cache_write_5m_tokens = 0, cache_write_1h_tokens = 0 } = usage;
  return [
    usage.input_tokens,
    usage.output_tokens,
    cache_read_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
  ];
}

/** The usage of such counts; one that is missing is none. */
export function usageFrom(counts: readonly number[]): Usage {
  const [input = 0, output = 0, read = 0, write5m = 0, write1h = 0] = counts;
  return {
    input_tokens: input,
    output_tokens: output,
    cache_read_tokens: read,
    cache_write_5m_tokens: write5m,
    cache_write_1h_tokens: write1h,
  };
}

/** What `usage` has beyond `known`, kind by kind; null when there is nothing more. */
export function usageBeyond(usage: Usage, known: Usage): Usage | null {
  const more = { ...usage };
  for (const kind of USAGE_KINDS) more[kind] = Math.max(0, usage[kind] - known[kind]);
  return USAGE_KINDS.some((kind) => more[kind] > 0) ? more : null;
}
