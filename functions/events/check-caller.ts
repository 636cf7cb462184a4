import type { HttpRequest } from "../../shared/http.ts";
import type { OidcVerifier } from "../../shared/oidc.ts";
import type { EventsConfig } from "./config.ts";

/** Returns when the request may be answered; throws what the caller is told otherwise. */
export type CheckCaller = (request: HttpRequest) => Promise<void>;

/** Where the platform lets only its own callers through, there is nothing left to check; elsewhere the token says who calls. */
export function createCallerCheck(
  config: Pick<EventsConfig, "NETRA_CALLER_AUTH" | "NETRA_CALLER_AUDIENCE" | "NETRA_CALLER_EMAILS">,
  verifier: OidcVerifier,
): CheckCaller {
  if (config.NETRA_CALLER_AUTH === "platform") return () => Promise.resolve();
  const { NETRA_CALLER_AUDIENCE: audience, NETRA_CALLER_EMAILS: emails } = config;
  if (audience === undefined || emails === undefined) throw new Error("oidc needs an audience and e-mails");
  return (request) => verifier.verify(request, { audience, emails });
}
