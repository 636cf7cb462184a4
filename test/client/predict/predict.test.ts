import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { BatchAnswer, SingleAnswer } from "../../../functions/insights/predict/answer.ts";
import { type CommandLine, createCommandLine } from "../command-line.ts";

const basis = { level: "repository", sample_size: 34, calibration: { coverage: 0.81, tried: 120 } } as const;
const figure = { p10: 1_000, p50: 20_000, p90: 300_000, ...basis };
const budget = (p50: boolean | null, p90: boolean | null) => ({
  max_usd: "5",
  p50_exceeds: p50,
  p90_exceeds: p90,
});

const prediction = {
  command: { base: "/review", signature: "v1 /review <path>", task_kind: "review" },
  model: "claude-sonnet-4-5",
  price_version: "2026-11-20.1",
  cost_usd: { p10: "0.12", p50: "0.543", p90: "7.1", ...basis },
  cost_unknown: null,
  input_tokens: figure,
  output_tokens: figure,
  cache_read_tokens: figure,
  cache_write_tokens: figure,
  total_tokens: figure,
  execution_time_ms: figure,
  failure_probability: {
    probability: 0.03,
    p10: 0.02,
    p50: 0.03,
    p90: 0.05,
    level: "organization",
    sample_size: 300,
    calibration: null,
  },
} as const;
const single: SingleAnswer = {
  ...prediction,
  learned: { executions: 300, until: "2026-11-20T09:00:00.000Z" },
  budget: null,
};
const batch: BatchAnswer = {
  learned: null,
  predictions: [
    { index: 0, ...prediction },
    { index: 1, errors: [{ pointer: "/commands/1/command", detail: "must not be empty" }] },
  ],
  rejected: 1,
  total_cost_usd: null,
  total_unknown: "of 2 commands only 1 have a cost that can be told",
  budget: null,
};

interface Server {
  questions: Record<string, unknown>[];
  netra: CommandLine;
}

/** `netra` beside a stand-in of the insights function that gives these answers, the last of them again and again. */
async function start(...answers: readonly { status?: number; body: unknown }[]): Promise<Server> {
  const questions: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const answer = answers[Math.min(questions.length, answers.length - 1)];
      questions.push({ path: request.url, key: request.headers.authorization, ...JSON.parse(text) });
      response.writeHead(answer?.status ?? 200, { "content-type": "application/json", "retry-after": "0" });
      response.end(JSON.stringify(answer?.body));
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const netra = createCommandLine({
    env: { NETRA_URL: `http://127.0.0.1:${port}`, NETRA_API_KEY: "ntr_test" },
  });
  onTestFinished(() => netra.remove());
  return { questions, netra };
}

describe("netra predict", () => {
  it("asks for the words as one command, masked, and shows what is expected", async () => {
    const { questions, netra } = await start({ body: single });

    const { code, out, err } = await netra.run([
      "predict",
      "review",
      "src/a.ts with sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH",
      "--model",
      "claude-sonnet-4-5",
      "--repository",
      "acme/shop",
    ]);

    expect(code).toBe(0);
    expect(err).toBe("");
    expect(questions).toMatchObject([
      {
        path: "/insights/v1/predict",
        key: "Bearer ntr_test",
        command: expect.stringMatching(/^review src\/a\.ts with /),
        model: "claude-sonnet-4-5",
        workspace: { repository: "acme/shop" },
      },
    ]);
    expect(JSON.stringify(questions)).not.toContain("abcdefghijklmnop");
    expect(out).toContain("v1 /review <path>, with claude-sonnet-4-5");
    expect(out).toMatch(/cost +\$0\.12 +\$0\.54 +\$7\.10 +repository +34 +81 % of 120/);
    expect(out).toMatch(/time +1\.0 s +20\.0 s +5 min/);
    expect(out).toMatch(/fails +2\.0 % +3\.0 % +5\.0 % +organization +300/);
    expect(out).toContain("learned from 300 runs");
  });

  it("takes the repository of the CI job where the folder has none", async () => {
    const { questions, netra } = await start({ body: single });

    await netra.run(["predict", "x"], { env: { GITHUB_ACTIONS: "true", GITHUB_REPOSITORY: "acme/web" } });

    expect(questions).toMatchObject([{ workspace: { repository: "acme/web" } }]);
  });

  it.each([
    ["p90", budget(false, true), 3, /over the budget of \$5: p90/],
    ["p50", budget(false, true), 0, /within the budget of \$5/],
    ["p50", budget(true, true), 3, /over the budget of \$5: p50/],
    ["p90", budget(false, false), 0, /within the budget/],
    ["p90", budget(null, null), 3, /cannot be told/],
  ])("with a budget held against %s and %j ends with %d", async (gate, answer, code, said) => {
    const { questions, netra } = await start({ body: { ...single, budget: answer } });

    const ran = await netra.run(["predict", "x", "--max-usd", "5", "--gate", gate, "--json"]);

    expect(ran.code).toBe(code);
    expect(ran.err).toMatch(said);
    expect(JSON.parse(ran.out)).toEqual({ ...single, budget: answer });
    expect(questions).toMatchObject([{ max_usd: "5" }]);
  });

  it("holds p90 against the budget unless it is told otherwise", async () => {
    const { netra } = await start({ body: { ...single, budget: budget(false, true) } });

    expect((await netra.run(["predict", "x", "--max-usd", "5"])).code).toBe(3);
  });

  it("reads commands from lines, a JSON array or stdin, and ends with 1 when one is refused", async () => {
    const { questions, netra } = await start({ body: batch });
    const folder = dirname(netra.folder);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "lines.txt"), "/review a.ts\n\n  \n/fix it\r\n");
    writeFileSync(
      join(folder, "list.json"),
      JSON.stringify(["/review a.ts", { command: "/fix it", model: "m" }]),
    );

    const ran = await netra.run(["predict", "--file", "lines.txt"]);
    await netra.run(["predict", "--file", "list.json"]);
    await netra.run(["predict", "--file", "-"], { stdin: "/fix it\n" });

    expect(questions.map(({ commands }) => commands)).toEqual([
      [{ command: "/review a.ts" }, { command: "/fix it" }],
      [{ command: "/review a.ts" }, { command: "/fix it", model: "m" }],
      [{ command: "/fix it" }],
    ]);
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/\/review a\.ts +\$0\.12 +\$0\.54 +\$7\.10/);
    expect(ran.out).toMatch(/\/fix it .* refused/);
    expect(ran.out).toContain("/commands/1/command must not be empty");
    expect(ran.out).toContain("nothing has been learned here yet");
  });

  it.each([
    ["nothing.txt", null, /cannot be read/],
    ["empty.txt", "\n\n", /no command in empty\.txt/],
    ["broken.json", "[1,", /is none/],
    ["wrong.json", "[7]", /neither a text nor an object/],
    ["many.txt", "x\n".repeat(101), /at most 100/],
    ["long.txt", "x".repeat(900_001), /longer than/],
  ])("ends with 2 where %s holds no commands", async (name, text, said) => {
    const { questions, netra } = await start({ body: batch });
    if (text !== null) writeFileSync(join(dirname(netra.folder), name), text);

    const ran = await netra.run(["predict", "--file", name]);

    expect(ran).toMatchObject({ code: 2, out: "" });
    expect(ran.err).toMatch(said);
    expect(questions).toEqual([]);
  });

  it("ends with 1 and says why when the server refuses, and asks again when it is busy", async () => {
    const problem = { detail: "no", errors: [{ pointer: "/model", detail: "is too long" }] };
    const refused = await start({ status: 400, body: problem });
    const busy = await start({ status: 503, body: { detail: "later" } }, { body: single });
    const strange = await start({ body: { hello: "world" } });

    const ran = await refused.netra.run(["predict", "x"]);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain("answered 400: /model is too long");
    expect((await busy.netra.run(["predict", "x"])).code).toBe(0);
    expect(busy.questions).toHaveLength(2);
    expect((await strange.netra.run(["predict", "x"])).err).toContain(
      "not as Netra's insights function does",
    );
  });

  it("ends with 1 when the server is away, which no budget mistakes for too dear", async () => {
    const netra = createCommandLine({ env: { NETRA_URL: "http://127.0.0.1:9", NETRA_API_KEY: "ntr_test" } });
    onTestFinished(() => netra.remove());

    const ran = await netra.run(["predict", "x", "--max-usd", "5"]);

    expect(ran.code).toBe(1);
    expect(ran.err).toContain("does not answer");
  });
});
