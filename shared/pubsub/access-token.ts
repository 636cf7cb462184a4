import { z } from "zod";
import { sendRequest } from "./send-request.ts";

/** Access tokens of the service account the instance runs as. */
export interface AccessTokens {
  /** A token that holds for the next request; waits for one no longer than the signal says. */
  get: (signal: AbortSignal) => Promise<string>;
  /** Fetches a new one next time: the last one was refused. */
  forget: () => void;
}

const TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token";
const FETCH_MS = 5_000;
/** No request carries a token that ends on its way. */
const MARGIN_MS = 30_000;
/** The platform gives the same token again until five minutes before its end: asking earlier gets nothing new. */
const RENEW_BEFORE_MS = 4 * 60_000;
const RENEW_EVERY_MS = 10_000;

const answer = z.object({ access_token: z.string(), expires_in: z.number() });

interface Token {
  text: string;
  renewAt: number;
  until: number;
}

/**
 * Tokens from the metadata server of the platform. Each is used to its end; some minutes before that a new one is fetched
 * beside the requests, so that only the first of an instance waits, and the server may be away for a while.
 */
export function createAccessTokens(options: {
  metadataHost?: string | undefined;
  now: () => number;
}): AccessTokens {
  const url = `http://${options.metadataHost ?? "metadata.google.internal"}${TOKEN_PATH}`;
  let current: Token | null = null;
  let fetching: Promise<Token> | null = null;

  async function fetchToken(): Promise<Token> {
    const headers = { "metadata-flavor": "Google" };
    const signal = AbortSignal.timeout(FETCH_MS);
    const { status, body } = await sendRequest(url, { method: "GET", headers, signal });
    if (status !== 200) throw new Error(`the metadata server answered ${status}`);
    const { access_token: text, expires_in: seconds } = answer.parse(JSON.parse(body));
    const now = options.now();
    const end = now + seconds * 1_000;
    current = {
      text,
      renewAt: Math.max(now + RENEW_EVERY_MS, end - RENEW_BEFORE_MS),
      until: end - MARGIN_MS,
    };
    return current;
  }

  /** One request at a time, whoever asks for it. */
  function fetchOnce(): Promise<Token> {
    fetching ??= fetchToken().finally(() => {
      fetching = null;
    });
    return fetching;
  }

  return {
    async get(signal) {
      const now = options.now();
      if (current === null || now >= current.until) return (await orAborted(fetchOnce(), signal)).text;
      if (now >= current.renewAt) {
        current.renewAt = now + RENEW_EVERY_MS;
        // Whoever needs the next one is told why there is none.
        fetchOnce().catch(() => undefined);
      }
      return current.text;
    },
    forget() {
      current = null;
    },
  };
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
