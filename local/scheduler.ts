const EVERY_MS = 60_000;
const DEADLINE_MS = 50_000;

/** A request Cloud Scheduler would send every minute. */
export interface ScheduledCall {
  url: string;
  apiKey: string;
}

/**
 * Stands in for Cloud Scheduler: calls each address now and then every minute, never one twice at once. What an answer
 * says is in the function's own log. Call the result to stop; it resolves when no call is under way.
 */
export function startScheduler(calls: readonly ScheduledCall[], everyMs = EVERY_MS): () => Promise<void> {
  const underWay = new Map<ScheduledCall, Promise<void>>();
  const stopping = new AbortController();
  const tick = (): void => {
    for (const call of calls) {
      if (underWay.has(call)) continue;
      const request = send(call, stopping.signal).finally(() => underWay.delete(call));
      underWay.set(call, request);
    }
  };
  const timer = setInterval(tick, everyMs);
  timer.unref();
  tick();
  return async () => {
    clearInterval(timer);
    stopping.abort();
    await Promise.all(underWay.values());
  };
}

async function send(call: ScheduledCall, stopping: AbortSignal): Promise<void> {
  try {
    const response = await fetch(call.url, {
      method: "POST",
      headers: { authorization: `Bearer ${call.apiKey}` },
      signal: AbortSignal.any([stopping, AbortSignal.timeout(DEADLINE_MS)]),
    });
    await response.arrayBuffer();
  } catch {
    // Like the real one, it comes again in a minute; the function has logged why it failed.
  }
}
