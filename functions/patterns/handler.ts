import type { HttpFunction } from "@google-cloud/functions-framework";
import { z } from "zod";
import { AppError } from "../../shared/errors.ts";
import { type Handle, httpHandler, type HttpRequest, route } from "../../shared/http.ts";
import { asUnavailable } from "../../shared/postgres/pool.ts";
import type { PatternsContext } from "./context.ts";
import { runPatterns } from "./run-patterns.ts";

export const BODY_BYTES_MAX = 16 * 1024;

export function createHandler(context: PatternsContext): HttpFunction {
  return httpHandler(context, route({ "POST /run": createPostRun(context) }));
}

const runRequest = z.strictObject({
  mode: z.enum(["incremental", "full"]).default("incremental"),
  /** What counts as now: the end of the 30 days. */
  now: z.iso.datetime({ offset: true }).optional(),
});

/** Called by the scheduler, hourly and nightly; safe to call at any time and twice at once. */
function createPostRun(context: PatternsContext): Handle {
  return async (request) => {
    await context.checkCaller(request);
    const { mode, now } = readRun(request);
    try {
      const outcome = await runPatterns({
        pool: context.pool,
        mode,
        now: now === undefined ? context.now() : Date.parse(now),
        clock: context.now,
        runMs: context.runMs,
      });
      request.note({ ...outcome });
      return { status: 200, body: outcome };
    } catch (error) {
      throw asUnavailable(error);
    }
  };
}

/** From the body, or from the query where the caller can send no body. */
function readRun(request: HttpRequest): z.output<typeof runRequest> {
  const parsed = runRequest.safeParse(
    request.body.length > 0 ? parseJson(request.body) : Object.fromEntries(request.query),
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
