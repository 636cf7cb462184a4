import { parseUsd } from "../agent/usd.ts";
import type { Sql } from "./pool.ts";

/** A sum of money in pico-dollars; a sum over nothing is 0, which the count beside it tells apart from a known one. */
export function readUsd(text: string | null): bigint {
  const pico = parseUsd(text ?? "0");
  if (pico === null) throw new TypeError("the ledger answered an amount that is none");
  return pico;
}

/**
 * Makes the rest of the transaction fit for adding up many rows: compiling such statements takes longer than running them,
 * and the planner, who takes every execution for a group of its own, would rather sort them all than hash the few there are.
 */
export async function prepareAddingUp(sql: Sql): Promise<void> {
  await sql.query(
    "set local jit = off; set local work_mem = '32MB'; set local enable_sort = off; set local enable_incremental_sort = off",
  );
}
