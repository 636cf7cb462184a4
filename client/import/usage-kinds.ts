import type { Usage } from "../../shared/agent/usage.ts";

export const USAGE_KINDS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
] as const satisfies readonly (keyof Usage)[];

/** What `usage` has beyond `known`, kind by kind; null when there is nothing more. */
export function usageBeyond(usage: Usage, known: Usage): Usage | null {
  const more = { ...usage };
  for (const kind of USAGE_KINDS) more[kind] = Math.max(0, usage[kind] - known[kind]);
  return USAGE_KINDS.some((kind) => more[kind] > 0) ? more : null;
}
