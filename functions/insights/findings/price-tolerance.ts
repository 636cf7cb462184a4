import type { PriceTolerance } from "../../../shared/insight-cells.ts";

/**
 * Reported and computed cost of one execution may be apart by the greater of these: agents round to a few digits, and add
 * up in floating point.
 */
export const TOLERANCE: PriceTolerance = { usd: "0.001", share: "0.01" };
