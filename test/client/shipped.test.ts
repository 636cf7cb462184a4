import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pullRequest, ran, type Shipped, startShipped } from "../helpers/shipped.ts";
import { type CommandLine, createCommandLine } from "./command-line.ts";

let shipped: Shipped;
let netra: CommandLine;

beforeAll(async () => {
  shipped = await startShipped();
  const merged = { closedAt: 5_000, merge: "Merge one" };
  const tenant = await shipped.tell([
    ...pullRequest({
      number: 1,
      branch: "one",
      title: "One\u001b[31m red",
      openedAt: 100,
      heads: ["One"],
      ...merged,
    }),
    ...pullRequest({ number: 2, branch: "two", openedAt: 100, heads: ["Two"] }),
    ran(1_000, 1_000_000, { repository: "acme/shop", branch: "one" }),
    ran(1_010, 400_000, { repository: "acme/shop", branch: "main" }, { command: "see #1 and #2" }),
    ran(1_020, 600_000, { repository: "acme/shop", branch: "elsewhere" }),
    ran(1_030, 1_000, { repository: "acme/shop", branch: "one" }, { model: "unheard-of" }),
  ]);
  netra = createCommandLine({
    env: { NETRA_INSIGHTS_URL: shipped.insights.url, NETRA_API_KEY: tenant.key },
  });
});
afterAll(async () => {
  netra?.remove();
  await shipped?.close();
});

const RANGE = ["--from", "2026-11-02", "--to", "2026-11-02"];

describe("netra shipped", () => {
  it("shows what each pull request cost, what is not attributed and why", async () => {
    const { code, out, err } = await netra.run(["shipped", ...RANGE]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = out.split("\n").map((line) => line.replace(/ {2,}/g, " | ").trimEnd());
    expect(lines).toContain("acme/shop#1 ~ | One [31m red | merged | 3 | 1 | 1,201,000 | $3.60 | 1 h");
    expect(lines).toContain("acme/shop#2 ~ | Change 2 | open | 0 | 1 | 200,000 | $0.60 | –");
    expect(lines).toContain("no pull request | 1 | $1.80 | 30.0 %");
    expect(out).toContain(
      "Attributed to a pull request: $4.20 of $6.00 in 3 of 4 runs. Not attributed: 30.0 % of the cost.",
    );
    expect(out).toContain("their tokens and cost are split among them");
    expect(out).toContain("1 run has no known price");
    expect(out).not.toContain("\u001b");
  });

  it("takes what it is asked by, filters and a limit, and gives the whole answer as JSON", async () => {
    const answer = await netra.json<{
      by: string;
      groups: number;
      rows: { number: number; branch: string }[];
    }>(["shipped", ...RANGE, "--by", "pr", "--state", "open", "--limit", "1"]);
    expect(answer).toMatchObject({ by: "pull_request", groups: 1, rows: [{ number: 2, branch: "two" }] });
    const limited = await netra.run(["shipped", ...RANGE, "--limit", "1"]);
    expect(limited.out).toContain("1 more (--limit)");
    expect((await netra.run(["shipped", ...RANGE, "--by", "repository"])).out).toContain("acme/shop");
    expect((await netra.run(["shipped", ...RANGE, "--by", "issue"])).out).toContain("no issue");
    expect((await netra.run(["shipped", ...RANGE, "--by", "deployment"])).out).toContain("not deployed");
  });

  it("says what is wrong with a command line, and passes on what the server refuses", async () => {
    expect(await netra.run(["shipped", "--by", "weather"])).toMatchObject({ code: 2, out: "" });
    expect(await netra.run(["shipped", "today"])).toMatchObject({ code: 2 });
    const refused = await netra.run(["shipped", "--by", "issue", "--state", "merged"]);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("/state must be one of") });
    const away = await netra.run(["shipped"], { env: { NETRA_INSIGHTS_URL: "http://127.0.0.1:1" } });
    expect(away).toMatchObject({ code: 3, err: expect.stringContaining("does not answer") });
  });
});
