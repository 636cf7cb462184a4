/** What decides the logarithm of the cost of made-up sessions, apart from noise of one unit. */
export interface Structure {
  rows: number;
  repositories?: number;
  /** Standard deviations of the effects. */
  repositoryEffect?: number;
  taskEffect?: number;
  /** Whether cost follows the list price of the model. */
  byPrice?: boolean;
  /** Share of sessions that cost e³ times more or less. */
  outliers?: number;
  /** What is added at two thirds of the time. */
  step?: number;
  seed?: number;
}

const PROMPTS = [
  "fix the bug in a.ts",
  "explain why it fails?",
  "/clear",
  "implement the export",
  "write the docs",
];
const MODELS = { "claude-opus-4-6": 25, "claude-sonnet-4-6": 15, "claude-haiku-4-5": 5 };

/** Lines of a file of sessions: one every hour or so, each ended after minutes. Equal seeds give equal files. */
export function synthesizeSessions(structure: Structure): string {
  const random = randomNumbers(structure.seed ?? 7);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const models = Object.entries(MODELS);
  const effects = (count: number, size: number): number[] =>
    Array.from({ length: count }, () => size * normal());
  const repositories = effects(structure.repositories ?? 6, structure.repositoryEffect ?? 0);
  const tasks = effects(PROMPTS.length, structure.taskEffect ?? 0);
  const pick = (count: number): number => Math.floor(random() * count);
  const lines: string[] = [];
  let at = Date.parse("2026-01-05T08:00:00Z");
  for (let row = 0; row < structure.rows; row++) {
    at += Math.floor(random() * 7_200_000);
    const repository = pick(repositories.length);
    const task = pick(PROMPTS.length);
    const [model, price] = models[pick(models.length)] ?? ["", 1];
    const outlier = random() < (structure.outliers ?? 0) ? (random() < 0.5 ? 3 : -3) : 0;
    const log =
      (repositories[repository] ?? 0) +
      (tasks[task] ?? 0) +
      (structure.byPrice === true ? Math.log(price) - 3 : 0) +
      (row >= (structure.rows * 2) / 3 ? (structure.step ?? 0) : 0) +
      outlier +
      normal();
    const prompt = PROMPTS[task] ?? "";
    lines.push(
      JSON.stringify({
        repo: `made-up/${repository}`,
        first: new Date(at).toISOString(),
        last: new Date(at + 600_000).toISOString(),
        by_model: { [model]: {} },
        first_prompt: prompt,
        first_prompt_chars: prompt.length,
        ccusage_cost_usd: Math.exp(log),
      }),
    );
  }
  return lines.join("\n");
}

/** The minimal standard generator of Park and Miller. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
