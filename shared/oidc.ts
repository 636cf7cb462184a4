import type { errors as JoseErrors, JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { bearerToken } from "./bearer-token.ts";
import { AppError } from "./errors.ts";
import type { HttpRequest } from "./http.ts";

/** Who may call, as Google says who it is: Pub/Sub pushes and scheduled calls carry a token of a service account. */
interface ExpectedCaller {
  audience: string;
  /** E-mail addresses of service accounts. */
  emails: readonly string[];
}

export interface OidcVerifier {
  /** Returns when the request carries a token of one of the expected callers; 401 otherwise, 503 without Google's keys. */
  verify: (request: HttpRequest, expected: ExpectedCaller) => Promise<void>;
}

const GOOGLE_KEYS_URL = "https://www.googleapis.com/oauth2/v3/certs";
const ISSUERS = ["https://accounts.google.com", "accounts.google.com"];
const CLOCK_TOLERANCE_S = 30;

const claims = z.object({ email: z.string(), email_verified: z.literal(true) });

/** Keys are fetched once and again when a token names an unknown one, at most every 30 seconds. */
export function createOidcVerifier(options: {
  keysUrl?: string | undefined;
  now: () => number;
}): OidcVerifier {
  let keys: JWTVerifyGetKey | null = null;
  return {
    async verify(request, expected) {
      const token = bearerToken(request);
      if (token === "") throw unauthorized("send an OIDC token as `Authorization: Bearer …`");
      const payload = await payloadOf(token, expected.audience);
      const read = claims.safeParse(payload);
      if (!read.success || !expected.emails.includes(read.data.email)) {
        throw unauthorized("the token is not of an account that may call this");
      }
    },
  };

  async function payloadOf(token: string, audience: string): Promise<unknown> {
    // Loaded with the first token: most functions are never sent one, and it brings Node's fetch with it.
    const { createRemoteJWKSet, errors, jwtVerify } = await import("jose");
    keys ??= createRemoteJWKSet(new URL(options.keysUrl ?? GOOGLE_KEYS_URL), { timeoutDuration: 5_000 });
    try {
      const verified = await jwtVerify(token, keys, {
        algorithms: ["RS256"],
        audience,
        issuer: ISSUERS,
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(options.now()),
        requiredClaims: ["exp", "iat"],
      });
      return verified.payload;
    } catch (cause) {
      if (isRefusal(cause, errors)) throw unauthorized("the OIDC token is not valid here", cause);
      throw new AppError("unavailable", "the keys to check the token with cannot be had", {
        cause,
        retryAfterSeconds: 5,
      });
    }
  }
}

/** Everything that is wrong with the token itself; what is left is that the keys could not be fetched. */
function isRefusal(error: unknown, errors: typeof JoseErrors): boolean {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  );
}

function unauthorized(message: string, cause?: unknown): AppError {
  return new AppError("unauthorized", message, {
    headers: { "www-authenticate": "Bearer" },
    ...(cause === undefined ? {} : { cause }),
  });
}
