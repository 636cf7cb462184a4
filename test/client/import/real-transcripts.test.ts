import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { createImportState } from "../../../client/import/import-state.ts";
import { costOfRequests } from "../../../shared/agent/cost.ts";
import type { ModelRequest } from "../../../shared/agent/execution.ts";
import { createLedger, listRecords, runImport, totalsOf } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import {
  CAPTURES,
  countsOf,
  haveCaptures,
  haveTranscripts,
  rawAssistantLines,
  rawCounts,
  Table,
  TRANSCRIPTS,
} from "./shared-data.ts";
import { createFolder } from "./temporary-folder.ts";
import { writeFiles } from "./transcript-lines.ts";

const YEARS_LATER = Date.parse("2030-01-01T00:00:00Z");

const tokens = {
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheCreationTokens: z.number(),
  cacheReadTokens: z.number(),
};
const ccusageDaily = z.object({
  daily: z.array(
    z.object({
      date: z.string(),
      modelBreakdowns: z.array(z.object({ ...tokens, modelName: z.string(), cost: z.number() })),
    }),
  ),
});

function countsOfAll(ledger: Ledger) {
  return countsOf(totalsOf(ledger));
}

function requestsOf(ledger: Ledger): ModelRequest[] {
  return listRecords(ledger).flatMap((record) => record.requests ?? []);
}

function readCcusage() {
  return ccusageDaily.parse(JSON.parse(readFileSync(join(TRANSCRIPTS, "ccusage-daily.json"), "utf8"))).daily;
}

/**
 * The two things ccusage 20.0.24 does otherwise:
 * - It counts a message without request id once for each distinct time of its lines, though they repeat the tokens of
 *   one request (side conversations excepted). Those are its extra counts.
 * - It passes over lines whose JSON has a space in `"usage": {`. Those it misses.
 */
function differencesOfCcusage() {
  const extra: { day: string; model: string; counts: ReturnType<typeof rawCounts> }[] = [];
  const seen = new Map<string, Set<string>>();
  const missed = new Set<string>();
  const met = new Set<string>();
  for (const { entry, text } of rawAssistantLines(join(TRANSCRIPTS, "projects"))) {
    const { timestamp = "", requestId, message, isSidechain } = entry;
    if (requestId !== undefined) (text.includes('"usage":{') ? met : missed).add(requestId);
    if (requestId !== undefined || isSidechain === true) continue;
    const times = seen.get(message?.id ?? "") ?? new Set();
    if (times.size > 0 && !times.has(timestamp)) {
      extra.push({ day: timestamp.slice(0, 10), model: message?.model ?? "", counts: rawCounts(entry) });
    }
    seen.set(message?.id ?? "", times.add(timestamp));
  }
  return { extra, missed: new Set([...missed].filter((id) => !met.has(id))) };
}

it.skipIf(!haveTranscripts)(
  "counts real transcripts as ccusage does, but for its two known mistakes",
  async () => {
    const ledger = createLedger();
    await runImport(TRANSCRIPTS, ledger, { nowMs: YEARS_LATER });
    const { extra, missed } = differencesOfCcusage();
    const ours = new Table();
    for (const { id, model, timestamp, usage } of requestsOf(ledger)) {
      if (!missed.has(id)) ours.add(timestamp.slice(0, 10), model, countsOf(usage));
    }
    for (const { day, model, counts } of extra) ours.add(day, model, counts);

    const theirs = new Table();
    for (const { date, modelBreakdowns } of readCcusage()) {
      for (const one of modelBreakdowns) {
        const { inputTokens, outputTokens, cacheCreationTokens, cacheReadTokens } = one;
        theirs.add(date, one.modelName, [inputTokens, outputTokens, cacheCreationTokens, cacheReadTokens]);
      }
    }
    expect(ours.rows()).toEqual(theirs.rows());
    expect({ extra: extra.length, missed: missed.size }).toEqual({ extra: 27, missed: 5 });
  },
);

it.skipIf(!haveTranscripts)("prices real transcripts as ccusage does where both know the model", async () => {
  const ledger = createLedger();
  await runImport(TRANSCRIPTS, ledger, { nowMs: YEARS_LATER });
  const { extra, missed } = differencesOfCcusage();
  const touched = new Set(extra.map((one) => one.model));
  const compared: string[] = [];
  const costs = new Map<string, number>();
  for (const day of readCcusage()) {
    for (const { modelName, cost } of day.modelBreakdowns)
      costs.set(modelName, (costs.get(modelName) ?? 0) + cost);
  }
  for (const [model, expected] of costs) {
    const requests = requestsOf(ledger).filter((one) => one.model === model && !missed.has(one.id));
    const cost = costOfRequests(requests);
    if (cost === null || touched.has(model)) continue;
    expect({ model, cost: Number(cost.costPico) / 1e12 }).toEqual({
      model,
      cost: expect.closeTo(expected, 9),
    });
    compared.push(model);
  }
  expect(compared.sort()).toMatchInlineSnapshot(`
    [
      "claude-fable-5",
      "claude-opus-4-5-20251101",
      "claude-opus-4-6",
      "claude-opus-4-8",
      "claude-opus-5",
      "claude-sonnet-4-20250514",
      "claude-sonnet-5",
    ]
  `);
});

const result = z.object({
  type: z.literal("result"),
  is_error: z.boolean(),
  modelUsage: z.record(
    z.string(),
    z.object({
      inputTokens: z.number(),
      outputTokens: z.number(),
      cacheReadInputTokens: z.number(),
      cacheCreationInputTokens: z.number(),
      costUSD: z.number(),
    }),
  ),
});

function readResult(folder: string) {
  const file = readdirSync(folder).find((name) => name.startsWith("stdout.")) ?? "";
  for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
    const parsed = line.includes('"type":"result"') ? result.safeParse(JSON.parse(line)) : null;
    if (parsed?.success === true) return parsed.data;
  }
  throw new Error(`no result in ${folder}`);
}

/** What transcripts of some versions lack, compared with the result of the same run. */
const LACKING: Readonly<Record<string, { models: readonly string[]; output: boolean }>> = {
  // Auxiliary requests (titles, topics) on the small model are in no transcript.
  "2.0.76-full": { models: ["claude-haiku-4-5-20251001"], output: false },
  // The same, and output tokens as they were when a message began.
  "2.1.37-full": { models: ["claude-haiku-4-5-20251001"], output: true },
};

it.skipIf(!haveCaptures).each(haveCaptures ? readdirSync(CAPTURES) : [])(
  "finds in the transcript of run %s what the run reported",
  async (run) => {
    const ledger = createLedger();
    await runImport(join(CAPTURES, run, "projects"), ledger, { nowMs: YEARS_LATER });
    const records = listRecords(ledger);
    expect(records).toHaveLength(1);
    const reported = readResult(join(CAPTURES, run));
    expect(records[0]?.status).toBe(reported.is_error ? "failed" : "completed");
    const lacking = LACKING[run] ?? { models: [], output: false };
    for (const [model, expected] of Object.entries(reported.modelUsage)) {
      if (lacking.models.includes(model)) continue;
      const requests = requestsOf(ledger).filter((one) => one.model === model);
      const sum = new Table();
      for (const one of requests) sum.add(run, model, countsOf(one.usage));
      const [input, output, writes, reads] = sum.rows()[`${run} ${model}`] ?? [0, 0, 0, 0];
      expect({ input, writes, reads }).toEqual({
        input: expected.inputTokens,
        writes: expected.cacheCreationInputTokens,
        reads: expected.cacheReadInputTokens,
      });
      expect(lacking.output ? output < expected.outputTokens : output === expected.outputTokens).toBe(true);
    }
  },
);

it.skipIf(!haveTranscripts)(
  "adds up to the same when real transcripts were imported while they grew",
  async () => {
    const whole = createLedger();
    await runImport(TRANSCRIPTS, whole, { nowMs: YEARS_LATER });
    const expected = countsOfAll(whole);
    const folder = await createFolder();
    const names = readdirSync(join(TRANSCRIPTS, "projects"), { recursive: true, encoding: "utf8" });
    const ledger = createLedger();
    const state = createImportState();
    for (const share of [0.2, 0.45, 0.451, 0.8, 1]) {
      for (const name of names.filter((one) => one.endsWith(".jsonl"))) {
        const bytes = readFileSync(join(TRANSCRIPTS, "projects", name));
        await writeFiles(join(folder, "projects"), {
          [name]: bytes.subarray(0, Math.ceil(bytes.length * share)),
        });
      }
      await runImport(folder, ledger, { nowMs: YEARS_LATER, state });
    }
    expect(countsOfAll(ledger)).toEqual(expected);
  },
);
