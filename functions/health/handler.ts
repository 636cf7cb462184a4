import type { HttpFunction } from "@google-cloud/functions-framework";
import type { CheckCaller } from "../../shared/check-caller.ts";
import { type Handle, httpHandler, type HttpRequest, route } from "../../shared/http.ts";
import { type JobResult, withJobRun } from "../../shared/postgres/job-runs.ts";
import { asUnavailable } from "../../shared/postgres/pool.ts";
import { findOpenAlerts } from "./alerts/find-open-alerts.ts";
import { ALL_CHECKS } from "./all-checks.ts";
import { createReaderCheck } from "./check-reader.ts";
import type { HealthContext } from "./context.ts";
import { gatherReport, type Report } from "./gather.ts";
import { metricsText, OPENMETRICS_TYPE } from "./metrics-text.ts";
import { createReadiness } from "./readiness.ts";
import { type HealthOutcome, runHealth } from "./run-health.ts";

export const BODY_BYTES_MAX = 16 * 1024;

/** An answer is given within two seconds of the request, with some of it for the caller's key and for sending. */
const ANSWER_MS = 1_850;
const GATHER_MS_MIN = 250;

export function createHandler(context: HealthContext): HttpFunction {
  const gather = createSharedGather(context);
  const readiness = createReadiness(context);
  const check = createReaderCheck(context);
  return httpHandler(
    context,
    route({
      "GET /live": async () => ({ status: 200, body: { status: "live" } }),
      "GET /ready": async () => {
        const ready = await readiness();
        return { status: ready.status === "ready" ? 200 : 503, body: ready };
      },
      "GET /v1/health": createGetHealth(context, check, gather),
      "GET /metrics": createGetMetrics(context, check, gather),
      "POST /run": createPostRun(context),
    }),
  );
}

type Gather = (deadlineMs: number) => Promise<Report>;

/** Who asks while a report is being made shares it: however many ask, the stores are asked once at a time. */
function createSharedGather({ sources, log }: HealthContext): Gather {
  let running: Promise<Report> | null = null;
  return (deadlineMs) => {
    running ??= gatherReport(ALL_CHECKS, sources, { deadlineMs, log }).finally(() => {
      running = null;
    });
    return running;
  };
}

/** Lets a reader in, and answers what is left of the time, in milliseconds. */
async function admit(check: CheckCaller, request: HttpRequest): Promise<number> {
  const startedAt = performance.now();
  await check(request);
  return Math.max(GATHER_MS_MIN, ANSWER_MS - (performance.now() - startedAt));
}

/** 200 whatever the report says: the answer itself went well, and who asks reads `status`. */
function createGetHealth(context: HealthContext, check: CheckCaller, gather: Gather): Handle {
  return async (request) => {
    const deadlineMs = await admit(check, request);
    const [report, alerts] = await Promise.all([gather(deadlineMs), findOpenAlerts(context, deadlineMs)]);
    request.note({ health: report.status, ...report.counts });
    return { status: 200, body: { ...report, alerts } };
  };
}

function createGetMetrics(context: HealthContext, check: CheckCaller, gather: Gather): Handle {
  return async (request) => {
    const deadlineMs = await admit(check, request);
    const [report, alerts] = await Promise.all([gather(deadlineMs), findOpenAlerts(context, deadlineMs)]);
    return {
      status: 200,
      body: await metricsText(report, alerts),
      headers: { "content-type": OPENMETRICS_TYPE },
    };
  };
}

/** Called by the scheduler every minute; safe to call at any time and twice at once. */
function createPostRun(context: HealthContext): Handle {
  return async (request) => {
    await context.checkCaller(request);
    try {
      const outcome = await withJobRun({ ...context, job: "health" }, () => runHealth(context), judgeRun);
      request.note({ ...outcome, ...outcome.counts });
      return { status: 200, body: outcome };
    } catch (error) {
      throw asUnavailable(error);
    }
  };
}

function judgeRun({ is_under_way: isUnderWay, opened, closed, events }: HealthOutcome): JobResult | null {
  return isUnderWay ? null : { outcome: "succeeded", counts: { opened, closed, events } };
}
