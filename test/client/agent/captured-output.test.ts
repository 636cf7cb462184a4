import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { claudeCommand } from "../../../client/agent/agent-command.ts";
import { readLine } from "../../../client/agent/messages.ts";
import type { Totals } from "../../../client/agent/model-totals.ts";
import { toTotals } from "../../../client/agent/model-totals.ts";
import { createObserver } from "../../../client/agent/observe.ts";
import { endedRecord } from "../../../client/agent/run-record.ts";
import { costOfRequests } from "../../../shared/agent/cost.ts";
import { formatUsd } from "../../../shared/agent/usd.ts";
import { executionInput } from "../../../shared/agent/execution.ts";
import { totalTokens } from "../../../shared/agent/usage.ts";
import { makeExecution } from "../../helpers/make-execution.ts";

const DATA = process.env["NETRA_SHARED_DATA"] ?? join(import.meta.dirname, "../../../../shared/data");
const RESULTS = join(DATA, "agent-results");
const CAPTURES = join(DATA, "agent-captures");

interface ReportedModel {
  inputTokens: number;
  outputTokens: number;
  cacheReadInputTokens: number;
  cacheCreationInputTokens: number;
  webSearchRequests: number;
}
interface Reported {
  is_error: boolean;
  total_cost_usd: number;
  modelUsage: Record<string, ReportedModel>;
}

function readRun(path: string, options: { resumed?: boolean; before?: Totals } = {}) {
  const observer = createObserver(() => Date.parse("2026-11-20T10:00:00Z"));
  const text = readFileSync(path, "utf8").trim();
  const lines = path.endsWith(".jsonl") ? text.split("\n") : [JSON.stringify(JSON.parse(text))];
  for (const line of lines) {
    const reading = readLine(line);
    if (reading.kind === "messages") for (const message of reading.messages) observer.add(message);
  }
  const { usage: _usage, model: _model, ...start } = makeExecution({ status: "pending" });
  const { execution } = endedRecord(
    {
      start,
      agent: claudeCommand("claude", "do it", []),
      observation: observer.observation,
      lineage: { resumed: options.resumed ?? false, before: options.before ?? null },
      elapsedMs: 1,
      linesSkipped: 0,
    },
    {
      exitCode: 0,
      signal: null,
      timedOut: false,
      stoppedBy: null,
      startError: null,
      stderrTail: "",
    },
  );
  const last = JSON.parse(lines.at(-1) ?? "null") as Reported;
  return { execution: executionInput.parse(execution), reported: last };
}

function reportedTokens({ modelUsage }: Reported): number {
  return Object.values(modelUsage).reduce(
    (sum, one) =>
      sum + one.inputTokens + one.outputTokens + one.cacheReadInputTokens + one.cacheCreationInputTokens,
    0,
  );
}

function list(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));
}

/** A budget stop reports no region, which is a tenth of that run's price. */
const newest = [
  ...list(RESULTS, /^(?:result-(?:success|permission|max-turns)|stream-json-)[a-z-]*\.jsonl?$/),
  ...list(CAPTURES, /^2\.1\.329.*stdout\.(?:result\.json|stream\.jsonl)$/),
];
const runs = [
  ...list(RESULTS, /^(?:result|stream-json)-.*\.jsonl?$/),
  ...list(CAPTURES, /stdout\.(?:result\.json|stream\.jsonl)$/),
].filter((path) => !/resume-[23]/.test(path));

describe("output of real agents", () => {
  it.skipIf(runs.length === 0).each(runs)(
    "gives the totals of %s to the last token and picodollar",
    (path) => {
      const { execution, reported } = readRun(path);

      expect(
        execution.usage === null || execution.usage === undefined ? 0 : totalTokens(execution.usage),
      ).toBe(reportedTokens(reported));
      expect(execution.reported_cost_usd).toBeCloseTo(reported.total_cost_usd, 11);
      expect(execution.status).toBe(reported.is_error ? "failed" : "completed");
      expect(execution.output?.["usage_confidence"]).not.toBe("lower_bound");
    },
  );

  it.skipIf(newest.length === 0).each(newest)(
    "gives requests of %s that cost what the newest agent says",
    (path) => {
      const { execution, reported } = readRun(path);
      const cost = costOfRequests(execution.requests ?? []);

      expect(cost === null ? null : Number(formatUsd(cost.costPico))).toBeCloseTo(
        reported.total_cost_usd,
        11,
      );
    },
  );

  it.skipIf(!existsSync(RESULTS))(
    "tells a resumed and a forked run's own part from the running total",
    () => {
      const [fresh, resumed, forked] = ["1-fresh", "2-resumed", "3-forked"].map((name) => {
        const path = join(RESULTS, `result-resume-${name}.json`);
        return { path, totals: toTotals((JSON.parse(readFileSync(path, "utf8")) as Reported).modelUsage) };
      });
      if (fresh === undefined || resumed === undefined || forked === undefined) throw new Error("three runs");

      const second = readRun(resumed.path, { resumed: true, before: fresh.totals }).execution;
      const third = readRun(forked.path, { resumed: true, before: resumed.totals }).execution;
      for (const run of [second, third]) {
        expect(run.usage).toEqual({
          input_tokens: 12,
          output_tokens: 55,
          cache_read_tokens: 15_000,
          cache_write_5m_tokens: 1_000,
          cache_write_1h_tokens: 2_000,
        });
        expect(run.reported_cost_usd).toBeCloseTo(0.013_831_4, 11);
      }
      const alone = readRun(resumed.path, { resumed: true }).execution;
      expect(alone.usage).toEqual(second.usage);
      expect(alone.reported_cost_usd).toBeUndefined();
    },
  );

  it.skipIf(!existsSync(CAPTURES))("sends each request by itself where the stream showed it", () => {
    const { execution } = readRun(join(CAPTURES, "2.1.329-full/stdout.stream.jsonl"));
    const asked = readFileSync(join(CAPTURES, "2.1.329-full/api-requests.jsonl"), "utf8").trim().split("\n");

    expect(execution.requests).toHaveLength(asked.length);
    expect(new Set(execution.requests?.map((one) => one.id)).size).toBe(asked.length);
  });
});
