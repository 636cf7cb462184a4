import { afterAll, beforeAll, expect, it } from "vitest";
import type { FindingsAnswer } from "../../../functions/insights/findings/list-findings.ts";
import { type Insights, startInsights } from "../../helpers/insights.ts";
import { makeExecution } from "../../helpers/make-execution.ts";
import { type CommandLine, createCommandLine } from "../command-line.ts";

let insights: Insights;
let line: CommandLine;
beforeAll(async () => {
  insights = await startInsights();
  line = createCommandLine({
    env: { NETRA_INSIGHTS_URL: insights.url, NETRA_API_KEY: insights.tenant.key },
  });
  await insights.store(
    ["/deploy staging", "/publish now"].flatMap((command, at) =>
      Array.from({ length: 10 * (at + 1) }, (_, index) =>
        makeExecution({
          command,
          timestamp: new Date(Date.now() - (index + 1) * 3_600_000).toISOString(),
          status: index % 2 === 0 ? "failed" : "completed",
        }),
      ),
    ),
  );
});
afterAll(async () => {
  line?.remove();
  await insights?.close();
});

it("lists findings, the most money first, and says that a day is not scaled up", async () => {
  const { code, out } = await line.run(["insights"]);
  expect(code).toBe(0);
  expect(out).toMatch(/a month +sure +state +finding/);
  expect(out.indexOf("/publish in acme/shop: 10 of 20 runs failed")).toBeGreaterThan(0);
  expect(out.indexOf("/deploy in acme/shop: 5 of 10 runs")).toBeGreaterThan(
    out.indexOf("/publish in acme/shop"),
  );
  expect(out).toContain("only 1 of 7 days observed: not scaled up to a month");
  expect((await line.run(["insights", "--min-usd", "100000"])).out).toContain("Nothing is found.");
});

it("shows one, takes decisions about it and shows them", async () => {
  const answer = await line.json<FindingsAnswer>(["insights", "--rule", "repeated_failures"]);
  const { findings } = answer;
  expect(answer).toMatchObject({ groups: { all: expect.any(Number) }, cost_usd: expect.any(String) });
  const id = findings[0]?.id ?? "";
  const shown = await line.run(["insights", "show", id]);
  expect(shown.out).toContain("10 failed or timed-out runs with a known cost came to");
  expect((await line.run(["insights", "ack", id, "--note", "Bela looks"])).out).toBe(
    `${id} is now acknowledged\n`,
  );
  expect((await line.run(["insights", "show", id])).out).toMatch(
    /acknowledged, since .* by Test, "Bela looks"/,
  );
  const until = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
  expect((await line.run(["insights", "mute", id, "--until", until])).out).toContain(
    `${id} is now muted until`,
  );
  expect((await line.run(["insights"])).out).not.toContain(id);
  expect((await line.run(["insights", "--state", "muted"])).out).toContain(id);
  expect((await line.run(["insights", "done", id])).out).toMatch(/is now done, \$\d+\.\d+ a month promised/);
  expect((await line.run(["insights"])).out).toMatch(
    /promised \$[\d.]+ a month; saved so far: not known, it is/,
  );
  const refused = await line.run(["insights", "ack", id]);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("reopen it first") });
  expect((await line.run(["insights", "reopen", id])).out).toBe(`${id} is now open\n`);
});

it.each([
  [["insights", "forget", "x"], /cannot "forget"/],
  [["insights", "ack"], /ack needs the id of one finding/],
  [["insights", "mute", "x"], /mute needs --until/],
  [["insights", "done", "x", "--until", "2030-01-01"], /--until goes with mute only/],
  [["insights", "--days", "91"], /--days must be a whole number from 1 to 90/],
  [["insights", "--limit", "0"], /--limit/],
])("refuses %j as a wrong command line", async (argv, reason) => {
  expect(await line.run(argv)).toMatchObject({ code: 2, err: expect.stringMatching(reason) });
});

it("ends with 1 when the server refuses or there is no such finding, and with 3 when it is away", async () => {
  expect(await line.run(["insights", "--rule", "colour"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("/rule must be one of"),
  });
  const none = await line.run(["insights", "show", "no_result-0000000000000000"]);
  expect(none).toMatchObject({ code: 1, err: expect.stringContaining("there is no finding") });
  const away = await line.run(["insights"], { env: { NETRA_INSIGHTS_URL: "http://127.0.0.1:9" } });
  expect(away.code).toBe(3);
});
