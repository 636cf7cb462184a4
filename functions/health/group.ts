import { type CheckResult, state } from "./check.ts";
import type { Sources } from "./sources.ts";

/** Checks that are made from one set of facts: asking for them is apart from judging them. */
export interface CheckGroup<Facts> {
  /** Every check it can result in, so that each is told of when the facts cannot be had. */
  names: readonly string[];
  fetch: (sources: Sources, signal: AbortSignal) => Promise<Facts>;
  evaluate: (facts: Facts) => CheckResult[];
  /** What it means that the facts cannot be had; unknown unless the group is about just that. */
  failed?: (reason: string) => CheckResult[];
}

/** A group whose facts are its own business. */
export interface RunnableGroup {
  run: (sources: Sources, signal: AbortSignal) => Promise<CheckResult[]>;
  failed: (reason: string) => CheckResult[];
}

export function runnable<Facts>(group: CheckGroup<Facts>): RunnableGroup {
  return {
    run: async (sources, signal) => group.evaluate(await group.fetch(sources, signal)),
    failed:
      group.failed ??
      ((reason) =>
        group.names.map((name) =>
          state(name, "unknown", `It could not be asked: ${reason}.`, {
            nextStep: "Look at the checks of the connections first, then at the function's log.",
          }),
        )),
  };
}
