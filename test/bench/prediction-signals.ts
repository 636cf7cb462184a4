import { type LevelKey, handoverOf } from "../../shared/agent/prediction/level.ts";
import { SETTINGS, UNPRICED_SETTINGS } from "../../shared/agent/prediction/settings.ts";
import { backTest, NO_PRIOR, type Outcome, productContender, type Scored } from "./prediction-backtest.ts";
import type { Session } from "./prediction-sessions.ts";

const HOUR_MS = 3_600_000;

/** Everything known before a run that might carry its cost, as a group that sessions fall into. */
const SIGNALS: Readonly<Record<string, (session: Session, earlier: Earlier) => string>> = {
  repository: ({ repository }) => repository,
  model: ({ model }) => model ?? "",
  "repository and model": ({ repository, model }) => `${repository} ${model}`,
  "task kind": ({ facts }) => facts.features.task_kind,
  "handover (command, short, long, plan)": ({ facts }) => handoverOf(facts.features),
  "prompt length": ({ promptChars }) => String(Math.floor(Math.log2(promptChars + 1))),
  "command base": ({ facts }) => facts.base,
  signature: ({ facts }) => facts.signature,
  "hour of day": ({ command }) => String(Math.floor(new Date(command.at).getUTCHours() / 4)),
  "day of week": ({ command }) => String(new Date(command.at).getUTCDay()),
  "time since the repository's last start": (_, { sinceMs }) =>
    sinceMs === null ? "first" : String(Math.floor(Math.log2(sinceMs / HOUR_MS + 0.25))),
  "repository's sessions so far": (_, { count }) => String(Math.floor(Math.log2(count + 1))),
};

interface Earlier {
  readonly sinceMs: number | null;
  readonly count: number;
}

export interface SignalSkill {
  readonly name: string;
  /** Share of the squared error about the running mean that the signal takes away from forecasts made by time. */
  readonly r2: number;
}

/** What each signal alone is worth: a forecast from the organization and the groups of that one signal. */
export function signalSkills(outcomes: readonly Outcome[]): SignalSkill[] {
  const organization: LevelKey = { level: "organization", key: "" };
  const plain = squaredError(outcomes, () => [organization], false);
  const skill = (name: string, error: number): SignalSkill => ({ name, r2: 1 - error / plain });
  const earlier = earlierStarts(outcomes);
  return [
    skill(
      "list price of the model",
      squaredError(outcomes, () => [organization], true),
    ),
    skill(
      "list price and repository",
      squaredError(
        outcomes,
        ({ session }) => [organization, { level: "repository", key: session.repository }],
        true,
      ),
    ),
    skill(
      "list price and every level",
      squaredError(outcomes, ({ session }) => [...session.command.keys], true),
    ),
    ...Object.entries(SIGNALS).map(([name, groupOf]) =>
      skill(
        name,
        squaredError(
          outcomes,
          ({ session }, index) => [
            organization,
            { level: "base", key: groupOf(session, earlier[index] ?? { sinceMs: null, count: 0 }) },
          ],
          false,
        ),
      ),
    ),
  ];
}

function squaredError(
  outcomes: readonly Outcome[],
  keysOf: (outcome: Outcome, index: number) => LevelKey[],
  byPrice: boolean,
): number {
  const grouped = outcomes.map((outcome, index) => ({
    ...outcome,
    session: {
      ...outcome.session,
      command: { ...outcome.session.command, keys: keysOf(outcome, index) },
    },
  }));
  const settings = byPrice ? SETTINGS[0] : UNPRICED_SETTINGS[0];
  const [scored = []] = backTest(grouped, [productContender(NO_PRIOR, [settings])]);
  return scored.reduce((sum: number, one: Scored) => sum + (one.outcome.value - one.p50) ** 2, 0);
}

function earlierStarts(outcomes: readonly Outcome[]): Earlier[] {
  const last = new Map<string, { at: number; count: number }>();
  return outcomes.map(({ session }) => {
    const { at } = session.command;
    const before = last.get(session.repository);
    last.set(session.repository, { at, count: (before?.count ?? 0) + 1 });
    return { sinceMs: before === undefined ? null : at - before.at, count: before?.count ?? 0 };
  });
}
