import type { HttpFunction } from "@google-cloud/functions-framework";
import { type Handle, httpHandler, route } from "../../shared/http.ts";
import type { InsightsContext } from "./context.ts";
import { readSummaryParameters } from "./summary-parameters.ts";
import { summarize } from "./summarize.ts";

/** Questions are in the address; a body has no meaning here. */
export const BODY_BYTES_MAX = 64 * 1024;

export function createHandler(context: InsightsContext): HttpFunction {
  return httpHandler(context, route({ "GET /v1/summary": createGetSummary(context) }));
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
