/** Levels of evidence, from the most general to the most specific. `prior` ships with the product. */
export const LEVELS = [
  "prior",
  "organization",
  "base",
  "features",
  "signature",
  "repository",
  "repository_base",
  "repository_features",
  "repository_signature",
] as const;
export type Level = (typeof LEVELS)[number];

/** One level to look up: executions with the same key are its evidence. */
export interface LevelKey {
  readonly level: Level;
  readonly key: string;
}

/** What is known of a command before it runs. */
export interface CommandFacts {
  readonly base: string;
  /** The pattern it belongs to (pattern-signature.ts). */
  readonly signature: string;
  /** As CommandFeatures has them. */
  readonly features: {
    readonly kind: string;
    readonly task_kind: string;
    readonly length_class: string;
    readonly has_plan?: boolean;
  };
  readonly repository: string | null;
}

/** How a command hands over its work: by name, in a few words, at length, or as a plan. */
export type Handover = "command" | "short" | "long" | "plan";

export function handoverOf(features: CommandFacts["features"]): Handover {
  if (features.kind !== "prompt") return "command";
  if (features.has_plan === true) return "plan";
  return features.length_class === "l" || features.length_class === "xl" ? "long" : "short";
}

/**
 * The levels of a command from the general to the specific, at most eight. A repository's own levels come last: costs
 * differ more between repositories than between kinds of task.
 */
export function levelKeys(facts: CommandFacts): LevelKey[] {
  const handover = handoverOf(facts.features);
  const base = JSON.stringify([facts.base, handover]);
  const features = JSON.stringify([facts.base, handover, facts.features.task_kind]);
  const keys: LevelKey[] = [
    { level: "organization", key: "" },
    { level: "base", key: base },
    { level: "features", key: features },
    { level: "signature", key: facts.signature },
  ];
  if (facts.repository === null) return keys;
  const inside = (key: string): string => JSON.stringify([facts.repository, key]);
  keys.push(
    { level: "repository", key: inside("") },
    { level: "repository_base", key: inside(base) },
    { level: "repository_features", key: inside(features) },
    { level: "repository_signature", key: inside(facts.signature) },
  );
  return keys;
}
