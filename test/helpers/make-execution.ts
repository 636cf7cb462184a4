import { v7 as uuidv7 } from "uuid";
import type { ExecutionInput } from "../../shared/agent/execution.ts";

/** A valid execution that nothing is special about. */
export function makeExecution(partial: Partial<ExecutionInput> = {}): ExecutionInput {
  return {
    id: uuidv7(),
    timestamp: new Date(Date.now() - 60_000).toISOString(),
    command: "/review src/payments --deep",
    status: "completed",
    execution_time_ms: 42_000,
    tool_calls: 7,
    model: "claude-sonnet-4-5",
    usage: {
      input_tokens: 1_200,
      output_tokens: 800,
      cache_read_tokens: 90_000,
      cache_write_5m_tokens: 4_000,
      cache_write_1h_tokens: 0,
    },
    workspace: { repository: "acme/shop", branch: "main", commit: "0f3c2d1" },
    session: { session_id: "s-1", agent: "claude-code", agent_version: "2.1.329" },
    ...partial,
  };
}
