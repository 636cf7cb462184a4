import { isAhead } from "../../../shared/is-ahead.ts";

/** Answers that took long to work out, to be given again for a while although the ledger has moved on. */
export interface HeldAnswers<Answer> {
  /** Null when there is none, or it is too old. */
  find: (question: string) => Answer | null;
  /** Holds the answer for twenty times as long as it took; what took no time is not held at all. */
  keep: (question: string, answer: Answer, tookMs: number) => void;
}

interface Entry<Answer> {
  answer: Answer;
  until: number;
  bytes: number;
}

/** Below half a second everybody gets what is true now. */
const HELD_FROM_MS = 500;
/** So working out anew what is asked all the time takes at most a twentieth of the time. */
const TIMES = 20;

/** Holds nothing for longer than `maxAgeMs`; the oldest go first when there is too much. */
export function createHeldAnswers<Answer>(options: {
  maxAgeMs: number;
  bytesMax: number;
  now: () => number;
}): HeldAnswers<Answer> {
  const entries = new Map<string, Entry<Answer>>();
  let bytes = 0;

  function forget(question: string): void {
    bytes -= entries.get(question)?.bytes ?? 0;
    entries.delete(question);
  }

  return {
    find(question) {
      const entry = entries.get(question);
      if (entry === undefined) return null;
      if (isAhead(entry.until, options.now(), options.maxAgeMs)) return entry.answer;
      forget(question);
      return null;
    },
    keep(question, answer, tookMs) {
      forget(question);
      const heldMs = tookMs < HELD_FROM_MS ? 0 : Math.min(options.maxAgeMs, TIMES * tookMs);
      if (heldMs === 0) return;
      const size = JSON.stringify(answer).length;
      entries.set(question, { answer, until: options.now() + heldMs, bytes: size });
      bytes += size;
      for (const oldest of entries.keys()) {
        if (bytes <= options.bytesMax) return;
        forget(oldest);
      }
    },
  };
}
