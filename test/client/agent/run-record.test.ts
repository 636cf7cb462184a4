import { describe, expect, it } from "vitest";
import { claudeCommand } from "../../../client/agent/agent-command.ts";
import { readLine } from "../../../client/agent/messages.ts";
import { toTotals } from "../../../client/agent/model-totals.ts";
import type { Totals } from "../../../client/agent/model-totals.ts";
import { createObserver } from "../../../client/agent/observe.ts";
import { endedRecord } from "../../../client/agent/run-record.ts";
import type { ProcessEnd } from "../../../client/agent/run-status.ts";
import { executionInput } from "../../../shared/agent/execution.ts";
import { addUsage, NO_USAGE } from "../../../shared/agent/usage.ts";
import { makeExecution } from "../../helpers/make-execution.ts";
import { assistant, init, modelUsage, result, tokenUsage } from "../agent-scenes.ts";

const ENDED: ProcessEnd = {
  exitCode: 0,
  signal: null,
  timedOut: false,
  stoppedBy: null,
  startError: null,
  stderrTail: "",
};

/** The record of a run that wrote these lines. */
function recordOf(
  lines: readonly unknown[],
  options: { resumed?: boolean; before?: Totals; end?: Partial<ProcessEnd> } = {},
) {
  const observer = createObserver(() => Date.parse("2026-11-20T10:00:00Z"));
  for (const line of lines) {
    const reading = readLine(typeof line === "string" ? line : JSON.stringify(line));
    if (reading.kind === "messages") for (const message of reading.messages) observer.add(message);
  }
  const { usage: _usage, model: _model, tool_calls: _calls, ...start } = makeExecution({ status: "pending" });
  const facts = {
    start,
    agent: claudeCommand("claude", "do it", []),
    observation: observer.observation,
    lineage: { resumed: options.resumed ?? false, before: options.before ?? null },
    elapsedMs: 1_234.4,
    linesSkipped: 0,
  };
  const { execution } = endedRecord(facts, { ...ENDED, ...options.end });
  const parsed = executionInput.parse(execution);
  const sum = (parsed.requests ?? []).reduce((all, request) => addUsage(all, request.usage), NO_USAGE);
  expect(parsed.requests === undefined ? parsed.usage : sum).toEqual(parsed.usage);
  return execution;
}

function messageStart(id: string) {
  return { type: "stream_event", event: { type: "message_start", message: { id } } };
}

function messageDelta(output_tokens: number) {
  return { type: "stream_event", event: { type: "message_delta", usage: { output_tokens } } };
}

function sinceLast(output: number) {
  return { "claude-sonnet-5": modelUsage({ input: 5, output, cost: 0.1 }) };
}

describe("the record of a run", () => {
  it("calls an API failure failed although its subtype is success", () => {
    const execution = recordOf(
      [
        init(),
        result({
          is_error: true,
          api_error_status: 400,
          terminal_reason: "api_error",
          result: "API Error: 400 the request is not valid",
          total_cost_usd: 0,
          usage: tokenUsage({}),
          modelUsage: {},
        }),
      ],
      { end: { exitCode: 1 } },
    );

    expect(execution).toMatchObject({
      status: "failed",
      error_message: "API Error: 400 the request is not valid",
      usage: NO_USAGE,
      reported_cost_usd: 0,
      output: {
        exit_code: 1,
        terminal_reason: "api_error",
        api_error_status: 400,
        usage_confidence: "exact",
      },
    });
  });

  it("counts sub-agents, which usage leaves out", () => {
    const one = { input: 12, read: 15_000, write5m: 1_000, write1h: 2_000 };
    const all = { input: 36, output: 165, read: 45_000, write5m: 3_000, write1h: 6_000 };
    const execution = recordOf([
      init(),
      assistant("m1", one, { tool: "Agent" }),
      assistant("m2", one, { parent: "tool-m1" }),
      assistant("m3", one, { text: "Done." }),
      result({
        total_cost_usd: 0.09,
        usage: tokenUsage({ input: 24, output: 110, read: 30_000, write5m: 2_000, write1h: 4_000 }),
        modelUsage: { "claude-sonnet-5": modelUsage({ ...all, cost: 0.09 }) },
      }),
    ]);

    expect(execution.usage).toEqual({
      input_tokens: 36,
      output_tokens: 165,
      cache_read_tokens: 45_000,
      cache_write_5m_tokens: 3_000,
      cache_write_1h_tokens: 6_000,
    });
    expect(execution.requests).toHaveLength(3);
    expect(execution).toMatchObject({ tool_calls: 1, output: { usage_confidence: "split_assumed" } });
  });

  it("takes the tokens of a run that its budget ended from modelUsage, where usage is zero", () => {
    const execution = recordOf([
      init(),
      result({
        subtype: "error_max_budget_usd",
        is_error: true,
        terminal_reason: "budget_exhausted",
        errors: ["Reached maximum budget ($0.001)"],
        result: undefined,
        total_cost_usd: 0.027_662_8,
        usage: tokenUsage({}),
        modelUsage: {
          "claude-opus-5-5": modelUsage({ input: 12, output: 55, read: 15_000, cost: 0.027_662_8 }),
        },
      }),
    ]);

    expect(execution).toMatchObject({
      status: "failed",
      error_message: "Reached maximum budget ($0.001)",
      model: "claude-opus-5-5",
      usage: { input_tokens: 12, output_tokens: 55, cache_read_tokens: 15_000 },
      reported_cost_usd: 0.027_662_8,
    });
  });

  describe("of a resumed session, whose result tells of all its runs", () => {
    const before = { input: 24, output: 110, read: 30_000, write5m: 2_000, write1h: 4_000, cost: 0.1 };
    const own = { input: 12, output: 55, read: 15_000, write5m: 1_000, write1h: 2_000, cost: 0.2 };
    const both = { input: 36, output: 165, read: 45_000, write5m: 3_000, write1h: 6_000, cost: 0.3 };
    const ownUsage = {
      input_tokens: 12,
      output_tokens: 55,
      cache_read_tokens: 15_000,
      cache_write_5m_tokens: 1_000,
      cache_write_1h_tokens: 2_000,
    };
    const cumulative = result({
      total_cost_usd: 0.3,
      usage: tokenUsage(own),
      modelUsage: { "claude-sonnet-5": modelUsage(both) },
    });

    it("takes what came since the last result", () => {
      const since = { ...cumulative, model_usage_since_last_result: { "claude-sonnet-5": modelUsage(own) } };
      const execution = recordOf([init(), since], { resumed: true });

      expect(execution).toMatchObject({
        usage: ownUsage,
        reported_cost_usd: 0.2,
        output: { usage_source: "since_last_result", session_cost_usd: 0.3 },
      });
    });

    it("takes the difference to what the session's last run reported, to the last digit", () => {
      const remembered = toTotals({ "claude-sonnet-5": modelUsage(before) });
      const execution = recordOf([cumulative], { resumed: true, before: remembered });

      expect(execution).toMatchObject({
        usage: ownUsage,
        reported_cost_usd: 0.2,
        output: { usage_source: "model_usage_delta" },
      });
    });

    it("takes the requests of the stream when nothing is remembered", () => {
      const lines = [init(), assistant("m9", own), cumulative];
      const execution = recordOf(lines, { resumed: true });

      expect(execution).toMatchObject({
        usage: ownUsage,
        output: { usage_source: "stream", session_cost_usd: 0.3 },
      });
      expect(execution.reported_cost_usd).toBeUndefined();
    });

    it("takes the main loop's usage, and says that it may be less, when there is nothing else", () => {
      const execution = recordOf([cumulative], { resumed: true });

      expect(execution).toMatchObject({
        usage: ownUsage,
        output: { usage_source: "main_loop", usage_confidence: "lower_bound" },
      });
      expect(execution.reported_cost_usd).toBeUndefined();
    });

    it("says that it does not know when a budget ended it and nothing is remembered", () => {
      const stopped = {
        ...cumulative,
        is_error: true,
        usage: tokenUsage({}),
        terminal_reason: "budget_exhausted",
      };
      const execution = recordOf([stopped], { resumed: true });

      expect(execution.usage).toBeUndefined();
      expect(execution.output).toMatchObject({ usage_source: "none" });
    });

    it("does not subtract what does not belong to it", () => {
      const other = toTotals({ "claude-sonnet-5": modelUsage({ ...before, read: 99_000 }) });
      const execution = recordOf([cumulative], { resumed: true, before: other });

      expect(execution).toMatchObject({ usage: ownUsage, output: { usage_source: "main_loop" } });
    });

    it("believes agents from before 2.1.277, which report each run by itself", () => {
      const perRun = result({
        total_cost_usd: 0.3,
        usage: tokenUsage(own),
        modelUsage: { "claude-sonnet-5": modelUsage({ ...both, cost: 0.3 }) },
      });
      const execution = recordOf([init({ claude_code_version: "2.1.276" }), perRun], { resumed: true });

      expect(execution).toMatchObject({
        usage: { input_tokens: 36, output_tokens: 165 },
        reported_cost_usd: 0.3,
        output: { usage_source: "model_usage" },
      });
    });
  });

  it("keeps a cost that the agent guessed for an unknown model out of the reported cost", () => {
    const execution = recordOf([
      init(),
      result({
        total_cost_usd: 0.5,
        usage: tokenUsage({ input: 5, output: 6 }),
        modelUsage: {
          "some-new-model": modelUsage({ input: 5, output: 6, cost: 0.5, costBasis: "unknown" }),
        },
      }),
    ]);

    expect(execution.reported_cost_usd).toBeUndefined();
    expect(execution.output).toMatchObject({ guessed_cost_usd: 0.5 });
  });

  it("counts several messages of one id once and takes the output from the result", () => {
    const tokens = { input: 3, read: 700 };
    const execution = recordOf([
      init(),
      assistant("m1", { ...tokens, output: 1 }, { text: "First" }),
      assistant("m1", { ...tokens, output: 1 }, { tool: "Bash" }),
      assistant("m1", { ...tokens, output: 1 }, { tool: "Bash" }),
      result({
        total_cost_usd: 0.001,
        usage: tokenUsage({ ...tokens, output: 321 }),
        modelUsage: { "claude-sonnet-5": modelUsage({ ...tokens, output: 321, cost: 0.001 }) },
      }),
    ]);

    expect(execution.requests).toHaveLength(1);
    expect(execution).toMatchObject({
      tool_calls: 1,
      usage: { input_tokens: 3, output_tokens: 321, cache_read_tokens: 700 },
      output: { usage_confidence: "exact" },
    });
  });

  it("knows the output of each request from partial messages", () => {
    const tokens = { input: 3, read: 700 };
    const execution = recordOf([
      init(),
      messageStart("m1"),
      assistant("m1", tokens, { tool: "Bash" }),
      messageDelta(40),
      messageStart("m2"),
      assistant("m2", tokens, { text: "Done." }),
      messageDelta(60),
      result({
        total_cost_usd: 0.001,
        usage: tokenUsage({ input: 6, read: 1_400, output: 100 }),
        modelUsage: { "claude-sonnet-5": modelUsage({ input: 6, read: 1_400, output: 100 }) },
      }),
    ]);

    expect(execution.requests?.map((one) => one.usage.output_tokens)).toEqual([40, 60]);
    expect(execution.output).toMatchObject({ usage_confidence: "exact" });
  });

  it("divides what the stream did not show into a request of its own", () => {
    const execution = recordOf([
      init(),
      assistant("m1", { input: 10, read: 100 }),
      result({
        total_cost_usd: 0.01,
        usage: tokenUsage({ input: 10, read: 100, output: 20 }),
        modelUsage: {
          "claude-sonnet-5": modelUsage({ input: 10, read: 100, output: 20, cost: 0.009 }),
          "claude-haiku-4-5": modelUsage({ input: 300, output: 9, cost: 0.001, searches: 2 }),
        },
      }),
    ]);

    expect(execution.requests).toHaveLength(2);
    expect(execution.requests?.[1]).toMatchObject({
      model: "claude-haiku-4-5",
      usage: { input_tokens: 300, output_tokens: 9 },
      web_search_requests: 2,
    });
    expect(execution).toMatchObject({ model: "claude-sonnet-5", reported_cost_usd: 0.01 });
  });

  it("sends no requests where their sum would reach a price tier that no single one may have reached", () => {
    const execution = recordOf([
      init(),
      result({
        total_cost_usd: 0.02,
        usage: tokenUsage({ input: 150_000, output: 10 }),
        modelUsage: { "claude-haiku-5-5": modelUsage({ input: 150_000, output: 10, cost: 0.02 }) },
      }),
    ]);

    expect(execution.requests).toBeUndefined();
    expect(execution).toMatchObject({
      model: "claude-haiku-5-5",
      usage: { input_tokens: 150_000 },
      reported_cost_usd: 0.02,
    });
  });

  it("divides cache writes as the main loop did when the agent does not tell by model", () => {
    const execution = recordOf([
      result({
        total_cost_usd: 0.01,
        usage: tokenUsage({ input: 10, write5m: 250, write1h: 750, output: 20 }),
        modelUsage: {
          "claude-sonnet-4-5": modelUsage({ input: 10, write5m: 2_000, output: 20, split: false }),
        },
      }),
    ]);

    expect(execution.usage).toMatchObject({ cache_write_5m_tokens: 500, cache_write_1h_tokens: 1_500 });
  });

  it("adds up the results of an agent that gave several", () => {
    const execution = recordOf([
      init(),
      result({ usage: tokenUsage({ input: 5, output: 7 }), model_usage_since_last_result: sinceLast(7) }),
      result({
        usage: tokenUsage({ input: 5, output: 8 }),
        model_usage_since_last_result: sinceLast(8),
        num_turns: 2,
      }),
    ]);

    expect(execution).toMatchObject({
      usage: { input_tokens: 10, output_tokens: 15 },
      reported_cost_usd: 0.2,
      output: { num_turns: 3 },
    });
  });

  it("keeps what was seen of an agent that was killed, as the least it used", () => {
    const execution = recordOf(
      [init(), assistant("m1", { input: 10, read: 100 }), assistant("m2", { input: 11 })],
      {
        end: { exitCode: null, signal: "SIGKILL" },
      },
    );

    expect(execution).toMatchObject({
      status: "failed",
      error_message: "killed by SIGKILL",
      usage: { input_tokens: 21, output_tokens: 0, cache_read_tokens: 100 },
      output: { signal: "SIGKILL", usage_confidence: "lower_bound" },
    });
  });

  it("calls a Claude run without a result failed, and one that only printed its help completed", () => {
    expect(recordOf([init(), assistant("m1", { input: 1 })])).toMatchObject({
      status: "failed",
      error_message: "the agent ended without a result",
    });
    expect(recordOf(["Usage: claude [options]"])).toMatchObject({ status: "completed" });
    expect(recordOf(["Usage: claude [options]"]).usage).toBeUndefined();
  });

  it("survives lines of every shape", () => {
    const odd = [
      "",
      "{",
      "[1, 2",
      "null",
      "[]",
      '{"type":"assistant"}',
      '{"type":"assistant","message":{"id":"x","model":"<synthetic>","usage":{"input_tokens":9}}}',
      '{"type":"assistant","message":{"id":"y","model":"m","content":"text","usage":{"input_tokens":"9"}}}',
      '{"type":"result","usage":null,"modelUsage":[],"total_cost_usd":"free"}',
      '{"type":"result","modelUsage":{"__proto__":{"inputTokens":-4}}}',
    ];

    expect(() => recordOf([...odd, init()])).not.toThrow();
  });
});
