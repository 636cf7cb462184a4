import { looksLikeApiKey } from "../../shared/api-key.ts";
import { bearerToken } from "../../shared/bearer-token.ts";
import { AppError } from "../../shared/errors.ts";
import { type Handle, httpHandler, type HttpRequest, route, type Serve } from "../../shared/http.ts";
import { asUnavailable } from "../../shared/postgres/pool.ts";
import type { IngestContext } from "./context.ts";
import { type IngestOutcome, ingestExecutions } from "./ingest-executions.ts";
import { readRecords } from "./read-records.ts";

const RELAY_DEADLINE_MS = 25_000;

export function createHandler(context: IngestContext): Serve {
  return httpHandler(
    context,
    route({
      "POST /v1/executions": createPostExecutions(context),
      "POST /v1/relay": createPostRelay(context),
    }),
  );
}

function createPostExecutions(context: IngestContext): Handle {
  return async (request) => {
    const end = context.activity.begin();
    try {
      const caller = await context.authenticator.authenticate(request, "ingest");
      const outcome = await ingestExecutions(context, caller, await readRecords(request));
      const { accepted, duplicates, updated, rejected, warnings } = outcome;
      request.note({ accepted, duplicates, updated, rejected: rejected.length, warnings: warnings.length });
      refuseWhenNothingWasGood(outcome);
      if (accepted + updated > 0) {
        // First, because the copy gives way to requests at work.
        end();
        context.relay.kick();
        // The platform may take the CPU away once nothing is being answered, so the last request out waits a moment.
        if (!context.activity.isBusy()) await context.relay.settled(context.analyticsWaitMs);
      }
      return { status: 200, body: outcome };
    } finally {
      end();
    }
  };
}

function refuseWhenNothingWasGood(outcome: IngestOutcome): void {
  if (outcome.accepted + outcome.duplicates + outcome.updated > 0) return;
  throw new AppError("bad_request", "none of the executions could be taken; see rejected", {
    extensions: { ...outcome },
  });
}

/**
 * Carries what the analytics copy lacks, of every organization; called by the scheduler, safe to call at any time and twice
 * at once. Tells an administrator how many records of the organization still wait, and the scheduler what was carried.
 */
function createPostRelay(context: IngestContext): Handle {
  return async (request) => {
    const organizationId = await authorizeRelay(context, request);
    try {
      const delivered = await context.relay.drain(RELAY_DEADLINE_MS);
      request.note({ ...delivered });
      if (organizationId === null) return { status: 200, body: delivered };
      return { status: 200, body: { waiting: await context.relay.countWaiting(organizationId) } };
    } catch (error) {
      throw asUnavailable(error);
    }
  };
}

/** The administrator's organization, or null for a caller of ours that its token shows. */
async function authorizeRelay(context: IngestContext, request: HttpRequest): Promise<string | null> {
  const token = bearerToken(request);
  if (context.checkCaller === null || token === "" || looksLikeApiKey(token)) {
    return (await context.authenticator.authenticate(request, "admin")).organizationId;
  }
  await context.checkCaller(request);
  return null;
}
