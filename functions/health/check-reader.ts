import { looksLikeApiKey } from "../../shared/api-key.ts";
import { bearerToken } from "../../shared/bearer-token.ts";
import type { CheckCaller } from "../../shared/check-caller.ts";
import { AppError } from "../../shared/errors.ts";
import type { HealthContext } from "./context.ts";

/**
 * Who may read: an API key that may read or administer, or whom the platform or its token says is one of ours. A report
 * holds nothing of any organization.
 */
export function createReaderCheck({ authenticator, checkCaller }: HealthContext): CheckCaller {
  return async (request) => {
    if (!looksLikeApiKey(bearerToken(request))) {
      await checkCaller(request).catch((error: unknown) => {
        throw withHint(error);
      });
      return;
    }
    try {
      await authenticator.authenticate(request, "read");
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "forbidden") throw explained(error);
      await authenticator.authenticate(request, "admin");
    }
  };
}

function withHint(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== "unauthorized") return error;
  const hint = "or an API key with the scope read or admin";
  return new AppError("unauthorized", `${error.message}, ${hint}`, error.options);
}

/** While the ledger is away no key can be looked up: then it is said what still answers. */
function explained(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== "unavailable") return error;
  return new AppError(
    "unavailable",
    "the ledger does not answer, so the API key cannot be checked; GET /ready tells which store is away",
    { cause: error.options.cause, retryAfterSeconds: 5 },
  );
}
