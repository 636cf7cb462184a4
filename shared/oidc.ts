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
/** What Cloud Run puts in place of the signature once it has checked a token itself. */
const SIGNATURE_REMOVED = ".SIGNATURE_REMOVED_BY_GOOGLE";
const CLOCK_TOLERANCE_S = 30;
/** Google's tokens live an hour. One that says otherwise, or is of the future, is none of theirs. */
const TOKEN_AGE_MAX_S = 3_600;
/** How long keys are good for without being fetched again; Google publishes new ones days before it uses them. */
const KEYS_AGE_MAX_MS = 3_600_000;
const KEYS_TIMEOUT_MS = 5_000;

const claims = z.object({ email: z.string(), email_verified: z.literal(true) });

/** Keys are fetched once an hour, and again when a token names an unknown one, at most every 30 seconds. */
export function createOidcVerifier(options: {
  keysUrl?: string | undefined;
  now: () => number;
}): OidcVerifier {
  let keys: JWTVerifyGetKey | null = null;
  return {
    async verify(request, expected) {
      const token = bearerToken(request);
      if (token === "") throw unauthorized("send an OIDC token as `Authorization: Bearer …`");
      if (token.endsWith(SIGNATURE_REMOVED)) {
        throw unauthorized(
          "the platform has checked this token and removed its signature: let it check callers alone (NETRA_CALLER_AUTH=platform)",
        );
      }
      const payload = await payloadOf(token, expected.audience);
      const read = claims.safeParse(payload);
      if (!read.success || !expected.emails.includes(read.data.email)) {
        throw unauthorized("the token is not of an account that may call this");
      }
    },
  };

  async function payloadOf(token: string, audience: string): Promise<unknown> {
    // Loaded with the first token: most functions are never sent one, and it brings Node's fetch with it.
    const { createRemoteJWKSet, customFetch, errors, jwtVerify } = await import("jose");
    keys ??= createRemoteJWKSet(new URL(options.keysUrl ?? GOOGLE_KEYS_URL), {
      timeoutDuration: KEYS_TIMEOUT_MS,
      cacheMaxAge: KEYS_AGE_MAX_MS,
      [customFetch]: fetchKeys,
    });
    try {
      const verified = await jwtVerify(token, keys, {
        algorithms: ["RS256"],
        audience,
        issuer: ISSUERS,
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(options.now()),
        requiredClaims: ["exp", "iat"],
        maxTokenAge: TOKEN_AGE_MAX_S,
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

/** As Node's own fetch, which has no bound on what it reads. */
async function fetchKeys(url: string, sent: { headers: Headers; signal: AbortSignal }): Promise<Response> {
  const { sendRequest } = await import("./pubsub/send-request.ts");
  const headers = Object.fromEntries(sent.headers);
  const { status, body } = await sendRequest(url, { method: "GET", headers, signal: sent.signal });
  return new Response(body, { status });
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
