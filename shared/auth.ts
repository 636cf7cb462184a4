import { hashApiKeyText, looksLikeApiKey } from "./api-key.ts";
import { bearerToken } from "./bearer-token.ts";
import { setBounded } from "./bounded-map.ts";
import { AppError } from "./errors.ts";
import type { HttpRequest } from "./http.ts";
import { isAhead } from "./is-ahead.ts";
import { describeError, type Log } from "./log.ts";
import { type ApiKeyIdentity, findApiKey, type Scope, touchApiKey } from "./postgres/api-keys.ts";
import { asUnavailable, type Pool, withOrganization } from "./postgres/pool.ts";
import type { RateLimiter } from "./rate-limit.ts";

export interface Caller {
  keyId: string;
  organizationId: string;
  userId: string;
}

export interface Authenticator {
  /** The caller, if the request carries a live key with this scope; 401, 403 or 429 otherwise. */
  authenticate: (request: Pick<HttpRequest, "headers" | "note">, scope: Scope) => Promise<Caller>;
}

interface AuthenticatorOptions {
  pool: Pool;
  limiter: RateLimiter;
  log: Log;
  now: () => number;
}

/** How long a revoked key may still be taken. */
const KNOWN_TTL_MS = 60_000;
/** Unknown keys are remembered as well, so that guessing does not load the database, but a new key works soon. */
const UNKNOWN_TTL_MS = 2_000;
const ENTRIES_MAX = 10_000;

interface Entry {
  identity: Promise<ApiKeyIdentity | null>;
  until: number;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const entries = new Map<string, Entry>();

  function lookUp(key: string): Promise<ApiKeyIdentity | null> {
    const name = hashApiKeyText(key);
    const known = entries.get(name);
    if (known !== undefined && isAhead(known.until, options.now(), KNOWN_TTL_MS)) return known.identity;
    const entry: Entry = { identity: settle(), until: options.now() + KNOWN_TTL_MS };
    setBounded(entries, name, entry, ENTRIES_MAX);

    async function settle(): Promise<ApiKeyIdentity | null> {
      try {
        const identity = await fetchIdentity(options, Buffer.from(name, "base64"));
        if (identity === null) entry.until = options.now() + UNKNOWN_TTL_MS;
        return identity;
      } catch (error) {
        entries.delete(name);
        throw error;
      }
    }
    return entry.identity;
  }

  return {
    async authenticate(request, scope) {
      const key = bearerOf(request);
      const identity = await lookUp(key);
      if (identity === null) throw unauthorized("this API key is not known");
      if (!identity.is_active) throw unauthorized("this API key has been revoked");
      if (identity.expires_at !== null && identity.expires_at.getTime() <= options.now()) {
        throw unauthorized(`this API key expired at ${identity.expires_at.toISOString()}`);
      }
      if (!identity.scopes.includes(scope)) {
        throw new AppError(
          "forbidden",
          `this API key lacks the scope "${scope}"; it has ${identity.scopes.join(", ")}`,
        );
      }
      const waitSeconds = options.limiter.take(identity.id);
      if (waitSeconds > 0) {
        throw new AppError("rate_limited", "this API key has used up its requests for now", {
          retryAfterSeconds: waitSeconds,
        });
      }
      request.note({ organization_id: identity.organization_id, key_id: identity.id });
      return { keyId: identity.id, organizationId: identity.organization_id, userId: identity.user_id };
    },
  };
}

function bearerOf(request: Pick<HttpRequest, "headers">): string {
  if (request.headers.authorization === undefined) {
    throw unauthorized("send an API key as `Authorization: Bearer ntr_…`");
  }
  const key = bearerToken(request);
  if (!looksLikeApiKey(key))
    throw unauthorized("the Authorization header does not hold an API key of the form ntr_…");
  return key;
}

function unauthorized(message: string): AppError {
  return new AppError("unauthorized", message, { headers: { "www-authenticate": 'Bearer realm="netra"' } });
}

async function fetchIdentity(options: AuthenticatorOptions, hash: Buffer): Promise<ApiKeyIdentity | null> {
  try {
    const identity = await findApiKey(options.pool, hash);
    if (identity !== null) void touch(options, identity);
    return identity;
  } catch (error) {
    throw asUnavailable(error);
  }
}

/** The time of last use is for people to look at: nothing waits for it, and failing to write it fails nothing else. */
async function touch(options: AuthenticatorOptions, identity: ApiKeyIdentity): Promise<void> {
  try {
    await withOrganization(options.pool, identity.organization_id, async (sql) => {
      await sql.query("set local lock_timeout = '1s'");
      await touchApiKey(sql, identity.id);
    });
  } catch (error) {
    options.log("WARNING", "the last use of an API key was not written", describeError(error));
  }
}
