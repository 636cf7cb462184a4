import { onTestFinished, vi } from "vitest";

/** Puts the timer of exactly this time into the test's hands: it goes off when the answer is called. */
export function holdTimer(ms: number): () => void {
  const start = setTimeout;
  let act: (() => void) | null = null;
  vi.stubGlobal("setTimeout", (callback: () => void, delay?: number) => {
    if (delay === ms) act = callback;
    return start(callback, delay);
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  return () => {
    if (act === null) throw new Error(`no timer of ${ms} ms was set`);
    act();
  };
}
