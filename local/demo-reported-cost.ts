import { costOfRequests, type BilledRequest } from "../shared/agent/cost.ts";
import type { DemoRequest } from "./demo-conversation.ts";

/** The first agent of the demo that knows what an hour in the cache costs; those before charge five minutes for it. */
const KNOWS_LONG_CACHE = "2.1.329";
const PICO_PER_USD = 1e12;

/** What the agent itself would say its requests cost: off where real agents are off, null where it knows no price. */
export function reportedCostUsd(requests: readonly DemoRequest[], agentVersion: string): number | null {
  const cost = costOfRequests(agentVersion === KNOWS_LONG_CACHE ? requests : requests.map(withShortCache));
  return cost === null ? null : Number((Number(cost.costPico) / PICO_PER_USD).toFixed(7));
}

function withShortCache({ model, timestamp, usage }: DemoRequest): BilledRequest {
  const written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
  return { model, timestamp, usage: { ...usage, cache_write_5m_tokens: written, cache_write_1h_tokens: 0 } };
}
