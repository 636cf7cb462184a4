import type { Handle } from "../../../shared/http.ts";
import type { InsightsContext } from "../context.ts";
import { decide } from "./decide.ts";
import { listFindings } from "./list-findings.ts";
import { readFindingParameters } from "./parameters.ts";
import { readAction } from "./read-action.ts";

export function createGetFindings(context: InsightsContext): Handle {
  return async (request) => {
    const caller = await context.authenticator.authenticate(request, "read");
    const parameters = readFindingParameters(request.query, context.now());
    const { answer, cached } = await listFindings(context, caller.organizationId, parameters);
    request.note({ days: answer.days, findings: answer.count, executions: answer.executions, cached });
    return { status: 200, body: answer, headers: { "x-netra-cache": cached ? "hit" : "miss" } };
  };
}

export function createPostFinding(context: InsightsContext): Handle {
  return async (request) => {
    const caller = await context.authenticator.authenticate(request, "admin");
    const action = readAction(request, context.now());
    const answer = await decide(context, caller, action);
    request.note({ finding: answer.finding, state: answer.state, changed: answer.changed });
    return { status: 200, body: answer };
  };
}
