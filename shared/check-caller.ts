import { z } from "zod";
import type { HttpRequest } from "./http.ts";
import type { OidcVerifier } from "./oidc.ts";

/** Returns when the request may be answered; throws what the caller is told otherwise. */
export type CheckCaller = (request: HttpRequest) => Promise<void>;

const list = z
  .string()
  .transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  )
  .pipe(z.array(z.string()).min(1));

/** Who checks the caller: the platform before the function is reached, or the function by the caller's OIDC token. */
export const CALLER_ENVIRONMENT = {
  NETRA_CALLER_AUTH: z.enum(["platform", "oidc"]),
  NETRA_CALLER_AUDIENCE: z.string().optional(),
  NETRA_CALLER_EMAILS: list.optional(),
};

export interface CallerConfig {
  NETRA_CALLER_AUTH: "platform" | "oidc";
  NETRA_CALLER_AUDIENCE?: string | undefined;
  NETRA_CALLER_EMAILS?: string[] | undefined;
}

/** For a function that strangers may reach: who of ours may call what is not for them; nobody when neither is given. */
export const OUR_CALLERS_ENVIRONMENT = {
  NETRA_CALLER_AUDIENCE: z.string().min(1).optional(),
  NETRA_CALLER_EMAILS: list.optional(),
};

/** The variables that are missing for the way of checking that was chosen. */
export function missingForCallers(config: CallerConfig): string[] {
  if (config.NETRA_CALLER_AUTH === "platform") return [];
  return (["NETRA_CALLER_AUDIENCE", "NETRA_CALLER_EMAILS"] as const).filter(
    (name) => config[name] === undefined,
  );
}

/** Where the platform lets only its own callers through, there is nothing left to check; elsewhere the token says who calls. */
export function createCallerCheck(config: CallerConfig, verifier: OidcVerifier): CheckCaller {
  if (config.NETRA_CALLER_AUTH === "platform") return () => Promise.resolve();
  const { NETRA_CALLER_AUDIENCE: audience, NETRA_CALLER_EMAILS: emails } = config;
  if (audience === undefined || emails === undefined) throw new Error("oidc needs an audience and e-mails");
  return (request) => verifier.verify(request, { audience, emails });
}
