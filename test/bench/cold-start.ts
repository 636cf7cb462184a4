import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildFunctions, type BuiltBundle } from "../helpers/built-functions.ts";
import type { FirstAnswer } from "../helpers/first-answers.ts";
import { startColdStartStores } from "./cold-start-stores.ts";
import { type Start, timeToFirstAnswer } from "./cold-start-process.ts";
import { type BenchResult, median, result } from "./report.ts";

/** Rounds in which everything is started once, in turns, so that a busy moment falls on all alike. */
const ROUNDS = Math.max(3, Math.round(21 * Number(process.env["NETRA_BENCH_SCALE"] ?? 1)));
/** What a start may take, as a multiple of the floor; what is not named is only told. */
const RATIO_MAX: Readonly<Record<string, number>> = { webhooks: 1.5, health: 1.5, ingest: 2 };
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
}

/**
 * From the start of the process to its first successful answer, as a function is configured by default: for all but health
 * it comes from the database, for webhooks also after Pub/Sub was told, for ingest after the analytics copy was written. The
 * floor is a hello-world on the same framework, started as the platform starts one.
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
    const starts = new Map<string, Start[]>(subjects.map(({ name }) => [name, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const subject of subjects) starts.get(subject.name)?.push(await timeToFirstAnswer(subject));
    }
    return [...timesReport(subjects, starts), ...processorReport(subjects, starts), ...sizesReport(bundles)];
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
  const judged = Object.entries(answers).filter(([target]) => target in RATIO_MAX);
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
    ...judged.map(([target, answer]) => ({
      name: `${target}, on the framework as it is installed`,
      program: plain(target),
      target,
      answer,
      env,
    })),
    ...judged
      .filter(([, answer]) => answer.asksDatabase)
      .map(([target, answer]) => ({
        name: `${target}, over Cloud SQL's connector`,
        program: start,
        target,
        answer,
        env: cloudSqlEnv,
      })),
  ];
}

function timesReport(subjects: readonly Subject[], starts: ReadonlyMap<string, Start[]>): BenchResult[] {
  const timeOf = (name: string): number =>
    median((starts.get(name) ?? []).map(({ milliseconds }) => milliseconds));
  const floor = timeOf(FLOOR);
  return subjects
    .filter(({ name }) => name !== FLOOR)
    .map(({ name }) => {
      const ratioMax = RATIO_MAX[name];
      return result(`${name}: start to first answer`, timeOf(name), "ms", {
        floor,
        ...(ratioMax === undefined
          ? {}
          : { target: `at most ${ratioMax} times hello`, ok: ({ ratio }) => ratio <= ratioMax }),
      });
    });
}

function processorReport(subjects: readonly Subject[], starts: ReadonlyMap<string, Start[]>): BenchResult[] {
  if (process.platform !== "linux") return [];
  const timeOf = (name: string): number =>
    median((starts.get(name) ?? []).map(({ processorMs }) => processorMs ?? NaN));
  const floor = timeOf(FLOOR);
  return subjects
    .filter(({ name }) => name !== FLOOR)
    .map(({ name }) => result(`${name}: computed until then`, timeOf(name), "ms", { floor }));
}

function sizesReport(bundles: readonly BuiltBundle[]): BenchResult[] {
  return bundles.map(({ name, eagerBytes }) => result(`${name}: bundle`, eagerBytes / 1_000, "kB"));
}
