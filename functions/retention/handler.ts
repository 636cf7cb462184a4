import type { HttpFunction } from "@google-cloud/functions-framework";
import { z } from "zod";
import { AppError } from "../../shared/errors.ts";
import { faultWords } from "../../shared/fault-words.ts";
import { type Handle, httpHandler, type HttpRequest, route } from "../../shared/http.ts";
import { type JobResult, withJobRun } from "../../shared/postgres/job-runs.ts";
import { asUnavailable } from "../../shared/postgres/pool.ts";
import { type RetentionOutcome, runRetention } from "../../shared/retention/run-retention.ts";
import type { RetentionContext } from "./context.ts";

export const BODY_BYTES_MAX = 16 * 1024;

export function createHandler(context: RetentionContext): HttpFunction {
  return httpHandler(context, route({ "POST /run": createPostRun(context) }));
}

const runRequest = z.strictObject({
  /** Tells what would go and changes nothing. From a query it is a text. */
  dry_run: z.union([z.boolean(), z.stringbool()]).default(false),
  /** What the days are counted back from; of the future only for a dry run. */
  now: z.iso.datetime({ offset: true }).optional(),
});

/** Called by the scheduler each night; safe to call at any time and twice at once. */
function createPostRun(context: RetentionContext): Handle {
  return async (request) => {
    await context.checkCaller(request);
    const { dry_run: dryRun, now } = readRun(request);
    try {
      const { tools, log, runMs } = context;
      const run = (): Promise<RetentionOutcome> =>
        runRetention({ tools, dryRun, now: now === undefined ? null : Date.parse(now), runMs });
      const outcome = await (dryRun
        ? run()
        : withJobRun({ pool: tools.pool, log, job: "retention" }, run, judgeRun));
      request.note({
        dry_run: dryRun,
        run_id: outcome.run_id,
        removed_rows: outcome.removed.reduce((sum, { rows }) => sum + rows, 0),
        archives: outcome.archives.length,
        deferred: outcome.deferred.length,
        months_missing: outcome.months_missing.length,
        past_rows_left: outcome.past_rows_left,
        is_under_way: outcome.is_under_way,
        is_done: outcome.is_done,
      });
      return { status: 200, body: outcome };
    } catch (error) {
      throw asUnavailable(error);
    }
  };
}

function judgeRun(outcome: RetentionOutcome): JobResult | null {
  if (outcome.is_under_way) return null;
  return {
    outcome: outcome.is_done ? "succeeded" : "partial",
    counts: {
      archives: outcome.archives.length,
      deferred: outcome.deferred.length,
      months_missing: outcome.months_missing.length,
      removed_rows: outcome.removed.reduce((sum, { rows }) => sum + rows, 0),
    },
  };
}

/** From the body, or from the query where the caller can send no body. */
function readRun(request: HttpRequest): z.output<typeof runRequest> {
  const parsed = runRequest.safeParse(
    request.body.length > 0 ? parseJson(request.body) : Object.fromEntries(request.query),
    { error: faultWords },
  );
  if (parsed.success) return parsed.data;
  throw new AppError("bad_request", "the run is not described as it must be", {
    errors: parsed.error.issues.map((issue) => ({
      pointer: issue.path.length === 0 ? "" : `/${issue.path.join("/")}`,
      detail: issue.message,
    })),
  });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new AppError("bad_request", "the body is not JSON");
  }
}
