import type { AnalyticsKind } from "../../../shared/analytics.ts";
import { analyticsColumns } from "../../../shared/analytics-answers.ts";
import { toCsv } from "../../../shared/csv.ts";
import type { Handle, Reply } from "../../../shared/http.ts";
import type { InsightsContext } from "../context.ts";
import { prefersCsv } from "./accept.ts";
import { analyze, type AnalyticsAnswer } from "./analyze.ts";

import { readAnalyticsParameters } from "./parameters.ts";

export function createGetAnalytics(context: InsightsContext, kind: AnalyticsKind): Handle {
  return async (request) => {
    const caller = await context.authenticator.authenticate(request, "read");
    const { parameters, format } = readAnalyticsParameters(kind, request.query, context.now());
    const { answer, cached } = await analyze(context, caller.organizationId, parameters);
    const { source, fallback, group_by, groups } = answer;
    request.note({ source, fallback, group_by, groups, cached });
    const headers = { "x-netra-cache": cached ? "hit" : "miss", vary: "accept" };
    const isCsv = format === null ? prefersCsv(request.headers.accept) : format === "csv";
    return isCsv ? csvReply(answer, headers) : { status: 200, body: answer, headers };
  };
}

/** The rows as a table; what else the answer tells is in the headers. */
function csvReply(answer: AnalyticsAnswer, headers: Readonly<Record<string, string>>): Reply {
  const { kind, source, fallback, groups, pending, waiting, next_page_token } = answer;
  return {
    status: 200,
    body: toCsv(analyticsColumns(kind), answer.rows),
    headers: {
      ...headers,
      "content-type": "text/csv; charset=utf-8; header=present",
      "content-disposition": `attachment; filename="netra-${kind}.csv"`,
      "x-netra-source": source,
      "x-netra-fallback": String(fallback),
      "x-netra-groups": String(groups),
      "x-netra-pending": String(pending),
      "x-netra-waiting": String(waiting),
      ...(next_page_token === null ? {} : { "x-netra-next-page-token": next_page_token }),
    },
  };
}
