import { countCache } from "../../shared/metrics.ts";

/**
 * Holds answers for a short time, each together with the state of the ledger it was computed in. Questions that come
 * while their answer is being computed wait for that one. The least recently used go first.
 */
export interface AnswerCache<Answer> {
  /** `state` must have been read before `compute` reads anything. What fails is not kept. */
  get: (
    question: string,
    state: string,
    compute: () => Promise<Answer>,
  ) => Promise<{ answer: Answer; cached: boolean }>;
}

interface Entry<Answer> {
  state: string;
  answer: Promise<Answer>;
  until: number;
  bytes: number;
}

export function createAnswerCache<Answer>(options: {
  /** What its hits are counted under. */
  name: string;
  ttlMs: number;
  entriesMax: number;
  bytesMax: number;
  now: () => number;
}): AnswerCache<Answer> {
  const entries = new Map<string, Entry<Answer>>();
  const counts = countCache(options.name);
  let bytes = 0;

  function forget(question: string): void {
    bytes -= entries.get(question)?.bytes ?? 0;
    entries.delete(question);
  }

  function makeRoom(): void {
    for (const question of entries.keys()) {
      if (entries.size <= options.entriesMax && bytes <= options.bytesMax) return;
      forget(question);
    }
  }

  async function fill(question: string, entry: Entry<Answer>): Promise<void> {
    try {
      const size = JSON.stringify(await entry.answer).length;
      if (entries.get(question) !== entry) return;
      entry.bytes = size;
      bytes += size;
      makeRoom();
    } catch {
      // Whoever asked gets the failure; the next to ask tries again.
      if (entries.get(question) === entry) forget(question);
    }
  }

  return {
    async get(question, state, compute) {
      const known = entries.get(question);
      if (known !== undefined && known.state === state && known.until > options.now()) {
        entries.delete(question);
        entries.set(question, known);
        counts.hits += 1;
        return { answer: await known.answer, cached: true };
      }
      forget(question);
      counts.misses += 1;
      const entry: Entry<Answer> = {
        state,
        answer: compute(),
        until: options.now() + options.ttlMs,
        bytes: 0,
      };
      entries.set(question, entry);
      makeRoom();
      void fill(question, entry);
      return { answer: await entry.answer, cached: false };
    },
  };
}
