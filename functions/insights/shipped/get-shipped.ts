import type { Handle } from "../../../shared/http.ts";
import { getSnapshotName } from "../../../shared/postgres/summary.ts";
import type { InsightsContext } from "../context.ts";
import { orUnavailable } from "../sources.ts";
import { answerShipped } from "./answer.ts";
import { readShippedParameters } from "./parameters.ts";

/** `GET /v1/shipped`: what executions used, by what came of them. From the cache while nothing has been committed since. */
export function createGetShipped(context: InsightsContext): Handle {
  return async (request) => {
    const { organizationId } = await context.authenticator.authenticate(request, "read");
    const query = readShippedParameters(request.query, context.now());
    const state = await orUnavailable(getSnapshotName(context.pool));
    const { answer, cached } = await context.shippedCache.get(
      JSON.stringify([organizationId, query]),
      state,
      () =>
        context.analyticsGate.run(organizationId, () => answerShipped(context.reader, organizationId, query)),
    );
    request.note({ by: query.by, groups: answer.groups, cached });
    return { status: 200, body: answer, headers: { "x-netra-cache": cached ? "hit" : "miss" } };
  };
}
