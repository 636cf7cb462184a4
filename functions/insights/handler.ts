import type { HttpFunction } from "@google-cloud/functions-framework";
import { type Handle, httpHandler, route } from "../../shared/http.ts";
import { ANALYTICS_KINDS } from "../../shared/analytics.ts";
import { createGetAnalytics } from "./analytics/get-analytics.ts";
import type { InsightsContext } from "./context.ts";
import { createGetFindings, createPostFinding } from "./findings/handle-findings.ts";
import { PREDICT_BODY_BYTES_MAX } from "./predict/limits.ts";
import { createPostPredict } from "./predict/post-predict.ts";
import { createGetShipped } from "./shipped/get-shipped.ts";
import { readSummaryParameters } from "./summary-parameters.ts";
import { summarize } from "./summarize.ts";

/** Most questions are in the address; commands to be predicted are the largest bodies. */
export const BODY_BYTES_MAX = PREDICT_BODY_BYTES_MAX;

export function createHandler(context: InsightsContext): HttpFunction {
  return httpHandler(
    context,
    route({
      "GET /v1/summary": createGetSummary(context),
      ...Object.fromEntries(
        ANALYTICS_KINDS.map((kind) => [`GET /v1/analytics/${kind}`, createGetAnalytics(context, kind)]),
      ),
      "GET /v1/insights": createGetFindings(context),
      "POST /v1/insights": createPostFinding(context),
      "GET /v1/shipped": createGetShipped(context),
      "POST /v1/predict": createPostPredict(context),
    }),
  );
}

function createGetSummary(context: InsightsContext): Handle {
  return async (request) => {
    const caller = await context.authenticator.authenticate(request, "read");
    const parameters = readSummaryParameters(request.query, context.now());
    const { answer, cached } = await summarize(context, caller.organizationId, parameters);
    const { source, fallback, groups } = answer;
    request.note({ source, fallback, group_by: answer.group_by, groups, cached });
    return { status: 200, body: answer, headers: { "x-netra-cache": cached ? "hit" : "miss" } };
  };
}
