import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildFunctions, type BuiltBundle } from "../helpers/built-functions.ts";
import type { FirstAnswer } from "../helpers/first-answers.ts";
import { startColdStartStores } from "./cold-start-stores.ts";
import { timeToFirstAnswer } from "./cold-start-process.ts";
import { type BenchResult, percentile, result } from "./report.ts";

/** Rounds in which everything is started once, in turns, so that a busy moment falls on all alike. */
const ROUNDS = Math.max(3, Math.round(21 * Number(process.env["NETRA_BENCH_SCALE"] ?? 1)));
interface Judged {
  /** What a start may take, as a multiple of the floor. */
  ratioMax: number;
  /** Without waiting for what comes after the ledger has answered: the copy, and Pub/Sub. */
  env: Readonly<Record<string, string>>;
}

/** What is not named is only told. */
const JUDGED: Readonly<Record<string, Judged>> = {
  webhooks: { ratioMax: 1.5, env: { NETRA_PUBLISH_WAIT_MS: "0" } },
  health: { ratioMax: 1.5, env: {} },
  ingest: { ratioMax: 2, env: { NETRA_ANALYTICS_WAIT_MS: "0" } },
};
const FLOOR = "hello";
const HELLO = `import { http } from "@google-cloud/functions-framework";
http("hello", (_request, response) => { response.send("hello"); });
`;

interface Subject {
  name: string;
  /** Node's arguments. */
  program: readonly string[];
  target: string;
  answer: FirstAnswer;
  env: Readonly<Record<string, string>>;
  ratioMax?: number;
}

/**
 * From the start of the process to its first successful answer, which for all functions but health comes from the database.
 * The floor is a hello-world on the same framework, started as the platform starts one.
 */
export async function benchColdStart(progress: (line: string) => void): Promise<BenchResult[]> {
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    progress("building");
    const out = join(folder, "dist");
    const bundles = await buildFunctions(out);
    const { env, cloudSqlEnv, answers } = await startColdStartStores(folder, undo);
    const subjects = await subjectsOf(out, answers, { env, cloudSqlEnv });
    progress(`${ROUNDS} rounds of ${subjects.length} starts`);
    const times = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const subject of subjects) {
        const milliseconds = await timeToFirstAnswer(subject);
        times.get(subject.name)?.push(milliseconds);
      }
    }
    return [...timesReport(subjects, times), ...sizesReport(bundles)];
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}

async function subjectsOf(
  out: string,
  answers: Readonly<Record<string, FirstAnswer>>,
  { env, cloudSqlEnv }: { env: Record<string, string>; cloudSqlEnv: Record<string, string> },
): Promise<Subject[]> {
  await mkdir(join(out, "hello"));
  await writeFile(join(out, "hello/index.js"), HELLO);
  const framework = join(out, "node_modules/@google-cloud/functions-framework/build/src/main.js");
  const hello: FirstAnswer = {
    asksDatabase: false,
    request: () => ({ method: "GET", path: "/", headers: {}, body: "" }),
  };
  const start = [join(out, "start.js")];
  const plain = (target: string): string[] => [framework, `--source=${join(out, target)}`];
  const judged = Object.entries(answers).flatMap(([target, answer]) => {
    const found = JUDGED[target];
    return found === undefined ? [] : [{ ...found, target, answer }];
  });
  return [
    { name: FLOOR, program: plain("hello"), target: "hello", answer: hello, env },
    { name: `${FLOOR}, from the image`, program: start, target: "hello", answer: hello, env },
    ...Object.entries(answers).map(([target, answer]) => ({
      name: target,
      program: start,
      target,
      answer,
      env,
    })),
    ...judged.map(({ target, answer, ratioMax, env: extra }) => ({
      name: `${target}, from the ledger alone`,
      program: start,
      target,
      answer,
      env: { ...env, ...extra },
      ratioMax,
    })),
    ...judged.map(({ target, answer, env: extra }) => ({
      name: `${target}, the same on the framework as it is installed`,
      program: plain(target),
      target,
      answer,
      env: { ...env, ...extra },
    })),
    ...judged
      .filter(({ answer }) => answer.asksDatabase)
      .map(({ target, answer, env: extra }) => ({
        name: `${target}, the same over Cloud SQL's connector`,
        program: start,
        target,
        answer,
        env: { ...cloudSqlEnv, ...extra },
      })),
  ];
}

function timesReport(subjects: readonly Subject[], times: ReadonlyMap<string, number[]>): BenchResult[] {
  const median = (name: string): number =>
    percentile(
      (times.get(name) ?? []).toSorted((a, b) => a - b),
      0.5,
    );
  const floor = median(FLOOR);
  return subjects
    .filter(({ name }) => name !== FLOOR)
    .map(({ name, ratioMax }) =>
      result(`${name}: start to first answer`, median(name), "ms", {
        floor,
        ...(ratioMax === undefined
          ? {}
          : { target: `at most ${ratioMax} times hello`, ok: ({ ratio }) => ratio <= ratioMax }),
      }),
    );
}

function sizesReport(bundles: readonly BuiltBundle[]): BenchResult[] {
  return bundles.map(({ name, eagerBytes }) => result(`${name}: bundle`, eagerBytes / 1_000, "kB"));
}
