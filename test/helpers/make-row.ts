import { v7 as uuidv7 } from "uuid";
import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";

/** A row of the ledger that nothing is special about. */
export function makeRow(partial: Partial<ExecutionRow> = {}): ExecutionRow {
  return {
    id: uuidv7(),
    timestamp: Date.parse("2026-11-10T12:00:00Z"),
    user_id: null,
    batch_id: null,
    execution_sequence: null,
    source: "client",
    session_id: "s-1",
    command_raw: "/review src",
    command_base: "/review",
    command_args: { positionals: ["src"] },
    command_features: { affects_components: ["payments"] },
    workspace_context: { repository: "acme/shop" },
    session_context: null,
    total_tokens: 100,
    input_tokens: 10,
    output_tokens: 20,
    cached_tokens: 70,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    fresh_tokens: 30,
    cache_hit_rate: 70,
    execution_time_ms: 1_000,
    tool_calls: 1,
    status: "completed",
    error_message: null,
    cost_usd: 1n,
    fresh_cost_usd: 1n,
    cache_savings_usd: 0n,
    reported_cost_usd: null,
    cost_basis: "computed",
    price_version: "test",
    output_characteristics: {},
    model_version: "claude-sonnet-4-5",
    ...partial,
  };
}
