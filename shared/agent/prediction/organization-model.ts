import type { Level } from "./level.ts";
import type { QuantityModel } from "./predict.ts";
import type { Quantity } from "./quantity.ts";

/** Rises when what was learned cannot be used or gone on from any more; then everything is learned anew. */
export const LEARNER_VERSION = 1;

/** What has been learned of one quantity besides the evidence. */
export interface LearnedModel extends QuantityModel {
  /** The place of its settings among the summaries of a key. */
  readonly setting: number;
}

/** How often runs failed of which a level said how likely that is. */
export interface FailureRecord {
  readonly tried: number;
  readonly failed: number;
  /** The sum of the probabilities that were told. */
  readonly expected: number;
}

/** What a prediction needs of an organization besides the evidence of its keys. */
export interface OrganizationModel {
  readonly quantities: Readonly<Record<Quantity, LearnedModel>>;
  readonly failures: Readonly<Partial<Record<Level, FailureRecord>>>;
  /** The usual logarithm of a price, for a command whose model is not told; null before any was seen. */
  readonly logPrice: number | null;
}
