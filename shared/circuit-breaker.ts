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
  now: () => number;
}): CircuitBreaker {
  let failures = 0;
  let openUntil = 0;
  const isOpen = (): boolean => failures >= options.failuresMax;
  return {
    isOpen,
    allows() {
      if (!isOpen()) return true;
      if (options.now() < openUntil) return false;
      openUntil = options.now() + options.openMs;
      return true;
    },
    succeeded() {
      failures = 0;
    },
    failed() {
      failures += 1;
      openUntil = options.now() + options.openMs;
    },
  };
}
