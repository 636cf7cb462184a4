const DEADLINE_MS = 50_000;

/** A request Cloud Scheduler would send. */
export interface ScheduledCall {
  url: string;
  everyMs: number;
  /** When the first call is made; at once without. */
  firstAfterMs?: number;
  /** What shows who calls; asked for each time, because a token ends. */
  headers: () => Promise<Readonly<Record<string, string>>>;
}

/**
 * Stands in for Cloud Scheduler: calls each address now and then in its rhythm, never one twice at once. What an answer
 * says is in the function's own log. Call the result to stop; it resolves when no call is under way.
 */
export function startScheduler(calls: readonly ScheduledCall[]): () => Promise<void> {
  const underWay = new Map<ScheduledCall, Promise<void>>();
  const stopping = new AbortController();
  const timers = calls.flatMap((call) => {
    const tick = (): void => {
      if (underWay.has(call)) return;
      const request = send(call, stopping.signal).finally(() => underWay.delete(call));
      underWay.set(call, request);
    };
    const timer = setInterval(tick, call.everyMs);
    const first = setTimeout(tick, call.firstAfterMs ?? 0);
    for (const one of [timer, first]) one.unref();
    return [timer, first];
  });
  return async () => {
    for (const timer of timers) clearTimeout(timer);
    stopping.abort();
    await Promise.all(underWay.values());
  };
}

async function send(call: ScheduledCall, stopping: AbortSignal): Promise<void> {
  try {
    const response = await fetch(call.url, {
      method: "POST",
      headers: await call.headers(),
      signal: AbortSignal.any([stopping, AbortSignal.timeout(DEADLINE_MS)]),
    });
    await response.arrayBuffer();
  } catch {
    // Like the real one, it comes again; the function has logged why it failed.
  }
}
