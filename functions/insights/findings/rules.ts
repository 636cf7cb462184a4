import type { Rule } from "./rule.ts";
import { cacheIdleGaps } from "./rules/cache-idle-gaps.ts";
import { cacheNeverReused } from "./rules/cache-never-reused.ts";
import { cheaperModel } from "./rules/cheaper-model.ts";
import { costChange } from "./rules/cost-change.ts";
import { noResult } from "./rules/no-result.ts";
import { priceCliff } from "./rules/price-cliff.ts";
import { priceDrift } from "./rules/price-drift.ts";
import { repeatedFailures } from "./rules/repeated-failures.ts";
import { runawaySessions } from "./rules/runaway-sessions.ts";
import { unpricedModels } from "./rules/unpriced-models.ts";

export const RULES: readonly Rule[] = [
  cacheNeverReused,
  cacheIdleGaps,
  priceCliff,
  cheaperModel,
  repeatedFailures,
  runawaySessions,
  costChange,
  noResult,
  priceDrift,
  unpricedModels,
];
