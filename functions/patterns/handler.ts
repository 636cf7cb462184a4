import type { HttpFunction } from "@google-cloud/functions-framework";
import { z } from "zod";
import { AppError } from "../../shared/errors.ts";
import { faultWords } from "../../shared/fault-words.ts";
import { type Handle, httpHandler, type HttpRequest, route } from "../../shared/http.ts";
import { type JobResult, withJobRun } from "../../shared/postgres/job-runs.ts";
import { asUnavailable } from "../../shared/postgres/pool.ts";
import type { PatternsContext } from "./context.ts";
import { type PatternsOutcome, runPatterns } from "./run-patterns.ts";

export const BODY_BYTES_MAX = 16 * 1024;

export function createHandler(context: PatternsContext): HttpFunction {
  return httpHandler(context, route({ "POST /run": createPostRun(context) }));
}

const runRequest = z.strictObject({
  mode: z.enum(["incremental", "full"]).default("incremental"),
  /** What counts as now: the end of the 30 days. */
  now: z.iso.datetime({ offset: true }).optional(),
  /** A part of the run: for who calls the parts at different times, or measures one. */
  only: z.enum(["patterns", "predictions"]).optional(),
});

/** Called by the scheduler, hourly and nightly; safe to call at any time and twice at once. */
function createPostRun(context: PatternsContext): Handle {
  return async (request) => {
    await context.checkCaller(request);
    const { mode, now, only } = readRun(request);
    try {
      const { pool, log, past, runMs, now: clock } = context;
      const run = (): Promise<PatternsOutcome> =>
        runPatterns({
          pool,
          mode,
          only,
          past,
          now: now === undefined ? clock() : Date.parse(now),
          clock,
          runMs,
        });
      const job = mode === "full" ? "patterns-full" : "patterns";
      // A part that was asked for is not what the job is there for.
      const outcome = await (only === undefined ? withJobRun({ pool, log, job }, run, judgeRun) : run());
      request.note({ ...outcome });
      return { status: 200, body: outcome };
    } catch (error) {
      throw asUnavailable(error);
    }
  };
}

function judgeRun(outcome: PatternsOutcome): JobResult | null {
  if (outcome.is_under_way) return null;
  const { scanned, days, rollups_written, patterns_written, steps, is_done } = outcome;
  return {
    outcome: is_done ? "succeeded" : "partial",
    counts: { scanned, days, rollups_written, patterns_written, steps },
  };
}

/** From the body, or from the query where the caller can send no body. */
function readRun(request: HttpRequest): z.output<typeof runRequest> {
  const parsed = runRequest.safeParse(
    request.body.length > 0 ? parseJson(request.body) : Object.fromEntries(request.query),
    { error: faultWords },
  );
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
  throw new AppError("bad_request", faults.join("; "));
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new AppError("bad_request", "the body is not JSON");
  }
}
