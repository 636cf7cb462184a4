import { estimateFailure } from "../../../shared/agent/prediction/failure.ts";
import {
  createForecaster,
  type Forecaster,
  type ForecasterState,
} from "../../../shared/agent/prediction/forecaster.ts";
import {
  type CommandFacts,
  type Level,
  type LevelKey,
  levelKeys,
} from "../../../shared/agent/prediction/level.ts";
import { putSummaries, summariesOf } from "../../../shared/agent/prediction/key-evidence.ts";
import { logModelPrice } from "../../../shared/agent/prediction/model-price.ts";
import type {
  FailureRecord,
  LearnedModel,
  OrganizationModel,
} from "../../../shared/agent/prediction/organization-model.ts";
import { FAILURE_PRIOR, priorOf } from "../../../shared/agent/prediction/prior.ts";
import { mapQuantities, type Quantity } from "../../../shared/agent/prediction/quantity.ts";
import { settingsOf } from "../../../shared/agent/prediction/settings.ts";
import { findLearner, saveModel, type StoredLearner } from "../../../shared/postgres/prediction-models.ts";
import type { EndedExecution } from "../../../shared/postgres/prediction-scan.ts";
import type { Sql } from "../../../shared/postgres/pool.ts";
import type { Signatures } from "../signatures.ts";
import { createLevelCache, type LearningEvidence } from "./level-cache.ts";
import { quantitiesOf } from "./quantities-of.ts";

/** Learns the executions of one organization, in the order of their end. */
export interface OrganizationLearner {
  readonly organizationId: string;
  /** How many executions it has been given. */
  learned: () => number;
  learn: (executions: readonly EndedExecution[]) => Promise<void>;
  /** Stores what was learned; nothing may be learned after it. Resolves with the number of keys written. */
  finish: () => Promise<number>;
}

interface LearnerState {
  forecasters: Record<Quantity, ForecasterState>;
  failures: OrganizationModel["failures"];
}

/** Goes on from what is stored; from nothing where nothing is. */
export async function openLearner(
  sql: Sql,
  organizationId: string,
  signatures: Signatures,
): Promise<OrganizationLearner> {
  const stored: StoredLearner<LearnerState> | null = await findLearner(sql, organizationId);
  const levels = createLevelCache(sql, organizationId);
  let current = new Map<LevelKey, LearningEvidence>();
  const learnedBefore = stored?.executions ?? 0;
  let executions = learnedBefore;
  let lastEndedAt = stored?.lastEndedAt ?? -Infinity;
  const failures: Partial<Record<Level, FailureRecord>> = { ...stored?.learner.failures };
  const forecasters = mapQuantities((quantity): Forecaster =>
    createForecaster(priorOf(quantity), settingsOf(quantity), {
      state: stored?.learner.forecasters[quantity] ?? null,
      levels: {
        find: (key) => {
          const evidence = current.get(key);
          return evidence === undefined ? undefined : summariesOf(evidence.summaries, quantity);
        },
        save: (key, summaries) => {
          const evidence = current.get(key);
          if (evidence !== undefined) putSummaries(evidence.summaries, quantity, summaries);
        },
      },
    }),
  );

  function learnOne(execution: EndedExecution, evidence: LearningEvidence[]): void {
    const { startedAt, endedAt, model, hasFailed } = execution;
    // A forecast of what ended long ago would be made from what came after it: that is learned and not graded.
    const isLate = endedAt < lastEndedAt;
    current = new Map(evidence.map((one) => [one.key, one]));
    const keys = evidence.map(({ key }) => key);
    const logPrice = model === null ? null : logModelPrice(model, new Date(startedAt).toISOString());
    const command = { at: startedAt, keys, logPrice };
    for (const { quantity, value } of quantitiesOf(execution)) {
      const forecaster = forecasters[quantity];
      forecaster.learn(command, isLate ? null : forecaster.open(command), value);
    }
    if (!isLate) gradeFailure(failures, evidence, hasFailed);
    for (const one of evidence) {
      one.executions += 1;
      if (hasFailed) one.failed += 1;
    }
    executions += 1;
    lastEndedAt = Math.max(lastEndedAt, endedAt);
  }

  return {
    organizationId,
    learned: () => executions - learnedBefore,
    async learn(ended) {
      const keysOf = ended.map((execution) => levelKeys(factsOf(execution, signatures)));
      const evidenceOf = await levels.load(keysOf);
      for (const [index, execution] of ended.entries()) learnOne(execution, evidenceOf[index] ?? []);
      await levels.store(false);
    },
    async finish() {
      if (executions === 0) return 0;
      await levels.store(true);
      const { prices } = forecasters.cost_usd.state();
      const model: OrganizationModel = {
        quantities: mapQuantities((quantity): LearnedModel => ({
          ...forecasters[quantity].model(),
          setting: forecasters[quantity].setting(),
        })),
        failures,
        logPrice: prices.count === 0 ? null : prices.mean,
      };
      const learner: LearnerState = {
        forecasters: mapQuantities((quantity) => forecasters[quantity].state()),
        failures,
      };
      await saveModel(sql, organizationId, model, { executions, lastEndedAt, learner });
      return levels.written();
    },
  };
}

function gradeFailure(
  failures: Partial<Record<Level, FailureRecord>>,
  evidence: readonly LearningEvidence[],
  hasFailed: boolean,
): void {
  const told = estimateFailure(
    FAILURE_PRIOR,
    evidence.map(({ key: { level }, executions, failed }) => ({ level, count: executions, failed })),
  );
  const { tried, failed, expected } = failures[told.level] ?? { tried: 0, failed: 0, expected: 0 };
  failures[told.level] = {
    tried: tried + 1,
    failed: failed + (hasFailed ? 1 : 0),
    expected: expected + told.probability,
  };
}

/** Only what was known before the run; see CommandFacts. */
function factsOf(execution: EndedExecution, signatures: Signatures): CommandFacts {
  const { base, features, repository } = execution;
  return { base, signature: signatures(execution), features, repository };
}
