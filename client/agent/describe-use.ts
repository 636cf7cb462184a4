import type { ExecutionInput } from "../../shared/agent/execution.ts";

/** One line on what a run took: `42.1 s · claude-sonnet-5 · 1,200 in, 90,000 cached, 4,000 written, 800 out · $0.12`. */
export function describeAgentUse(execution: ExecutionInput): string {
  const { usage, execution_time_ms: time, model, reported_cost_usd: cost } = execution;
  const parts: string[] = [];
  if (time !== undefined && time !== null) parts.push(`${(time / 1_000).toFixed(1)} s`);
  if (model !== undefined && model !== null) parts.push(model);
  if (usage !== undefined && usage !== null) {
    const written = (usage.cache_write_5m_tokens ?? 0) + (usage.cache_write_1h_tokens ?? 0);
    const counts = [
      `${count(usage.input_tokens)} in`,
      `${count(usage.cache_read_tokens ?? 0)} cached`,
      `${count(written)} written`,
      `${count(usage.output_tokens)} out`,
    ];
    parts.push(counts.join(", "));
  }
  if (cost !== undefined && cost !== null) parts.push(`$${cost.toFixed(4)} by the agent's reckoning`);
  return parts.join(" · ");
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
