import { type Quantity, toLog } from "../../../shared/agent/prediction/quantity.ts";
import type { EndedExecution } from "../../../shared/postgres/prediction-scan.ts";

/**
 * The logarithms that an execution teaches. What nobody told teaches nothing, and neither does a run that reached no model:
 * it says nothing about what one costs that does.
 */
export function quantitiesOf(execution: EndedExecution): { quantity: Quantity; value: number }[] {
  const { costUsd, totalTokens, timeMs } = execution;
  const told: (readonly [Quantity, number | null])[] = [];
  if (costUsd !== null && costUsd > 0) told.push(["cost_usd", costUsd]);
  if (totalTokens !== null && totalTokens > 0) {
    told.push(
      ["input_tokens", execution.inputTokens],
      ["output_tokens", execution.outputTokens],
      ["cache_write_tokens", execution.cacheWriteTokens],
      ["cache_read_tokens", execution.cacheReadTokens],
      ["total_tokens", totalTokens],
    );
  }
  if (timeMs !== null && timeMs > 0) told.push(["duration_ms", timeMs]);
  return told.flatMap(([quantity, value]) =>
    value === null ? [] : [{ quantity, value: toLog(quantity, value) }],
  );
}
