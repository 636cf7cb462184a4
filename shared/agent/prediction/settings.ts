import type { Quantity } from "./quantity.ts";

/** How one rival of a forecaster reads the past. */
export interface PredictionSettings {
  /** After how long an execution counts half. */
  readonly halfLifeMs: number;
  /** Whether levels hold the quantity relative to the model's price. Only money depends on it. */
  readonly byPrice: boolean;
}

export type Candidates = readonly [PredictionSettings, ...PredictionSettings[]];

const DAY_MS = 86_400_000;
const SLOW = 180 * DAY_MS;
const FAST = 20 * DAY_MS;

/**
 * What a forecaster may choose from by its own record; the first is used until another has done better. Few and far
 * apart on purpose: a finer grid fits the past only.
 */
export const SETTINGS: Candidates = [
  { halfLifeMs: SLOW, byPrice: true },
  { halfLifeMs: FAST, byPrice: true },
  { halfLifeMs: SLOW, byPrice: false },
  { halfLifeMs: FAST, byPrice: false },
];

/** For what no price touches: tokens and time. */
export const UNPRICED_SETTINGS: Candidates = [
  { halfLifeMs: SLOW, byPrice: false },
  { halfLifeMs: FAST, byPrice: false },
];

export function settingsOf(quantity: Quantity): Candidates {
  return quantity === "cost_usd" ? SETTINGS : UNPRICED_SETTINGS;
}
