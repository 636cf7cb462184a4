import { z } from "zod";

/** Access tokens of the service account the instance runs as. */
export interface AccessTokens {
  get: (signal: AbortSignal) => Promise<string>;
  /** Fetches a new one next time: the last one was refused. */
  forget: () => void;
}

const TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token";
/** A token is renewed this long before its end, so that no request carries one that ends on its way. */
const MARGIN_MS = 5 * 60_000;

const answer = z.object({ access_token: z.string(), expires_in: z.number() });

/** Tokens from the metadata server of the platform, each fetched once and used until shortly before its end. */
export function createAccessTokens(options: {
  metadataHost?: string | undefined;
  now: () => number;
}): AccessTokens {
  const url = `http://${options.metadataHost ?? "metadata.google.internal"}${TOKEN_PATH}`;
  let current: { token: Promise<string>; until: number } | null = null;

  async function fetchToken(entry: { until: number }, signal: AbortSignal): Promise<string> {
    const response = await fetch(url, { headers: { "metadata-flavor": "Google" }, signal });
    if (!response.ok) throw new Error(`the metadata server answered ${response.status}`);
    const { access_token: token, expires_in: seconds } = answer.parse(await response.json());
    entry.until = options.now() + Math.max(0, seconds * 1_000 - MARGIN_MS);
    return token;
  }

  return {
    async get(signal) {
      if (current === null || options.now() >= current.until) {
        const entry = { token: Promise.resolve(""), until: Infinity };
        entry.token = fetchToken(entry, signal);
        current = entry;
      }
      const used = current;
      try {
        return await used.token;
      } catch (error) {
        if (current === used) current = null;
        throw error;
      }
    },
    forget() {
      current = null;
    },
  };
}
