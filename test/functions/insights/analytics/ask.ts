import type { AnalyticsAnswer } from "../../../../functions/insights/analytics/analyze.ts";
import type { AnalyticsKind } from "../../../../shared/analytics.ts";
import type { Insights } from "../../../helpers/insights.ts";

interface Asked {
  status: number;
  headers: Headers;
  body: AnalyticsAnswer;
  problem: { detail: string; errors?: { pointer: string; detail: string }[] };
}

/** Asks one of the questions as the tenant of `insights`, or with another key. */
export async function askAnalytics(
  insights: Insights,
  kind: AnalyticsKind,
  query: Readonly<Record<string, string>> = {},
  key?: string,
): Promise<Asked> {
  const path = `/v1/analytics/${kind}?${new URLSearchParams(query).toString()}`;
  const { status, headers, body, problem } = await insights.getRaw(path, key);
  return { status, headers, body: body as unknown as AnalyticsAnswer, problem };
}

/** What an answer says of the executions, whatever store it came from. */
export function figuresOf({ body }: Asked): Partial<AnalyticsAnswer> {
  const { source: _source, next_page_token: _token, ...figures } = body;
  return figures;
}
