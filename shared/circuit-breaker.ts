/** Stops trying what keeps failing: after some failures in a row it stays open for a while, then lets one try through. */
export interface CircuitBreaker {
  /** Whether a try may be made now. When the time of an open breaker is over, only the first to ask may. */
  allows: () => boolean;
  isOpen: () => boolean;
  succeeded: () => void;
  failed: () => void;
}

export function createCircuitBreaker(options: {
  failuresMax: number;
  openMs: number;
  /** How long one try may take, where that is longer: until it has told how it went, no other one is let through. */
  tryMs?: number;
  now: () => number;
}): CircuitBreaker {
  let failures = 0;
  let rest = { since: 0, ms: 0 };
  const isOpen = (): boolean => failures >= options.failuresMax;
  const restFor = (ms: number): void => {
    rest = { since: options.now(), ms };
  };
  return {
    isOpen,
    allows() {
      if (!isOpen()) return true;
      const passedMs = options.now() - rest.since;
      // A clock that was set back must not keep it open for as long.
      if (passedMs >= 0 && passedMs < rest.ms) return false;
      restFor(Math.max(options.openMs, options.tryMs ?? 0));
      return true;
    },
    succeeded() {
      failures = 0;
    },
    failed() {
      failures += 1;
      restFor(options.openMs);
    },
  };
}
