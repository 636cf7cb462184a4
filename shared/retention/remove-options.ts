import type { Cutoff } from "../postgres/retention-policies.ts";
import { isBusy } from "./archive-month.ts";
import type { RetentionConnection, RetentionTools } from "./connection.ts";
import type { Deferral, Plan } from "./plan.ts";

export interface RemoveOptions {
  tools: RetentionTools;
  connection: RetentionConnection;
  cutoffs: readonly Cutoff[];
  plan: Plan;
  now: number;
  /** When to leave the rest to the next run, in ms since 1970. */
  until: number;
  step: (name: string) => Promise<void>;
}

/** What came of it. */
export interface Removed {
  archives: { id: string; rows: number }[];
  deferred: Deferral[];
  settings: { ttl_changed: string[]; logs_bounded: string[]; logs_refused: string[] };
}

export const isOver = ({ tools, until }: RemoveOptions): boolean => tools.clock() > until;

/** Until a batch takes nothing, or time is over. A batch others stand in the way of is left to the next run. */
export async function inBatches(options: RemoveOptions, batch: () => Promise<number>): Promise<void> {
  while (!isOver(options)) {
    try {
      if ((await batch()) <= 0) return;
    } catch (error) {
      if (isBusy(error)) return;
      throw error;
    }
  }
}
