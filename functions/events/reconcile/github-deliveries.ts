import { z } from "zod";
import type { GithubConfig } from "../../../shared/event-source-config.ts";

type Hook = NonNullable<GithubConfig["hook"]>;

/** One attempt of GitHub's to deliver an event to a hook; times in milliseconds since 1970. */
export interface HookDelivery {
  /** Beyond 2^53, so text. */
  id: string;
  /** The event's name, the same in every attempt. */
  guid: string;
  event: string;
  deliveredAt: number;
  isRedelivery: boolean;
  isOk: boolean;
}

/** GitHub says to come later; `until` in milliseconds since 1970. */
export class RateLimited extends Error {
  readonly until: number;

  constructor(until: number) {
    super("GitHub's rate limit is reached");
    this.name = "RateLimited";
    this.until = until;
  }
}

/** GitHub refused or could not be read. */
export class GithubFailure extends Error {
  /** Null when there was no answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null, options?: ErrorOptions) {
    super(message, options);
    this.name = "GithubFailure";
    this.status = status;
  }
}

export interface GithubHookClient {
  /** A page of deliveries, newest first, and the cursor of the next one. */
  list: (cursor: string | null) => Promise<{ deliveries: HookDelivery[]; next: string | null }>;
  /** Asks GitHub to deliver again what that attempt carried. */
  redeliver: (deliveryId: string) => Promise<void>;
}

interface ClientOptions {
  apiUrl: string;
  hook: Hook;
  token: string;
  fetchTimeoutMs: number;
  /** When nothing may run any more, in milliseconds since 1970. */
  until: number;
  now: () => number;
}

/** Deliveries of a page, as many as GitHub allows. */
export const PAGE_SIZE = 100;
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
const PAUSE_MS = 60_000;
const PAUSE_MS_MAX = 3_600_000;

// https://docs.github.com/rest/repos/webhooks: "List deliveries for a repository webhook", and the same of organizations.
const page = z.array(
  z.object({
    id: z.string().regex(/^\d{1,20}$/),
    guid: z.string().min(1).max(100),
    delivered_at: z.iso.datetime({ offset: true }),
    redelivery: z.boolean(),
    status_code: z.number(),
    event: z.string(),
    throttled_at: z.iso.datetime({ offset: true }).nullish(),
  }),
);

/** What can be asked about one hook. Throws RateLimited and GithubFailure. */
export function createHookClient(options: ClientOptions): GithubHookClient {
  const { hook, token, now } = options;
  const owner =
    "repository" in hook
      ? `repos/${hook.repository.split("/").map(encodeURIComponent).join("/")}`
      : `orgs/${encodeURIComponent(hook.organization)}`;
  const base = `${options.apiUrl.replace(/\/+$/, "")}/${owner}/hooks/${hook.id}/deliveries`;
  // Set by an answer that used up the last request: it counts, the next one may not be made.
  let pausedUntil: number | null = null;

  async function call(method: "GET" | "POST", url: string): Promise<Response> {
    if (pausedUntil !== null) throw new RateLimited(pausedUntil);
    const timeoutMs = Math.min(options.fetchTimeoutMs, options.until - now());
    if (timeoutMs <= 0) throw new GithubFailure("no time is left", null);
    const response = await fetchGithub(url, method, token, timeoutMs);
    const pause = pauseOf(response, now());
    if (pause !== null && !response.ok) {
      await response.body?.cancel();
      throw new RateLimited(pause);
    }
    pausedUntil = pause;
    return response;
  }

  return {
    async list(cursor) {
      const query = new URLSearchParams({
        per_page: String(PAGE_SIZE),
        ...(cursor === null ? {} : { cursor }),
      });
      const response = await call("GET", `${base}?${query.toString()}`);
      if (response.status !== 200) throw await failureOf(response);
      const read = page.safeParse(await readJson(response));
      if (!read.success) throw new GithubFailure("the list of deliveries is not of the known form", 200);
      const deliveries = read.data.map((one) => ({
        id: one.id,
        guid: one.guid,
        event: one.event,
        deliveredAt: Math.max(Date.parse(one.delivered_at), Date.parse(one.throttled_at ?? one.delivered_at)),
        isRedelivery: one.redelivery,
        isOk: one.status_code >= 200 && one.status_code < 300,
      }));
      return { deliveries, next: nextCursor(response.headers.get("link")) };
    },
    async redeliver(deliveryId) {
      const response = await call("POST", `${base}/${deliveryId}/attempts`);
      if (response.status !== 202) throw await failureOf(response);
      await response.body?.cancel();
    },
  };
}

async function fetchGithub(url: string, method: string, token: string, timeoutMs: number): Promise<Response> {
  try {
    return await fetch(url, {
      method,
      headers: {
        accept: "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        authorization: `Bearer ${token}`,
        "user-agent": "netra",
      },
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    // Not the cause itself: fetch puts a header it cannot send, here the token, into its message.
    const name = cause instanceof Error ? cause.name : "fault";
    throw new GithubFailure(`GitHub does not answer (${name})`, null);
  }
}

async function failureOf(response: Response): Promise<GithubFailure> {
  await response.body?.cancel();
  return new GithubFailure(`GitHub answers ${response.status}`, response.status);
}

/**
 * When to come again, if this answer says to wait. 403 and 429 are limits where a header says so, 429 always.
 * https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
function pauseOf(response: Response, now: number): number | null {
  const after = Number(response.headers.get("retry-after") ?? Number.NaN);
  const isUsedUp = response.headers.get("x-ratelimit-remaining") === "0";
  const isRefused = response.status === 429 || (response.status === 403 && (isUsedUp || after >= 0));
  if (!isRefused && !isUsedUp) return null;
  const reset = Number(response.headers.get("x-ratelimit-reset") ?? Number.NaN) * 1_000;
  const wait = after >= 0 ? after * 1_000 : isUsedUp && reset > now ? reset - now : PAUSE_MS;
  return now + Math.min(wait, PAUSE_MS_MAX);
}

async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > PAGE_BYTES_MAX) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new GithubFailure("GitHub's answer broke off", null, { cause });
  }
  if (bytes > PAGE_BYTES_MAX) throw new GithubFailure("a page of deliveries is too large", 200);
  try {
    return parseKeepingIds(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new GithubFailure("the list of deliveries is no JSON", 200, { cause });
  }
}

/** Ids of deliveries pass 2^53, and a rounded one names another delivery: they are kept as they are written. */
function parseKeepingIds(text: string): unknown {
  return JSON.parse(text, keepId);
}

function keepId(key: string, value: unknown, context?: { source?: string }): unknown {
  return key === "id" && typeof value === "number" ? (context?.source ?? String(value)) : value;
}

/** Only the cursor is taken from the link, never the address: the token goes nowhere else. */
function nextCursor(link: string | null): string | null {
  for (const part of (link ?? "").split(",")) {
    const [, address] = /^\s*<([^>]*)>\s*(?=;).*;\s*rel="?next"?/.exec(part) ?? [];
    if (address === undefined) continue;
    if (URL.canParse(address)) return new URL(address).searchParams.get("cursor");
  }
  return null;
}
