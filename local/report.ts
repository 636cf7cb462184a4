const BAR_CELLS = 24;
const REDRAW_MS = 100;

/** What is told to people while the stack starts and stops; everything goes to one stream, stderr. */
export interface Report {
  line: (text: string) => void;
  /** Announces a step, runs it, and says how long it took; `note` says on a terminal what is being done within it. */
  step: <T>(text: string, work: (note: (detail: string) => void) => Promise<T>) => Promise<T>;
  /** A bar on a terminal, a line at every quarter elsewhere. */
  progress: (text: string, total: number) => { update: (done: number) => void; end: (text: string) => void };
}

export function createReport(stream: { write: (text: string) => unknown; isTTY?: boolean }): Report {
  const isTerminal = stream.isTTY === true;
  const line = (text: string): void => void stream.write(`${text}\n`);
  return {
    line,
    async step(text, work) {
      const note = (detail: string): void => {
        if (isTerminal) stream.write(`\r\u001B[2K${text} … ${detail}`);
      };
      note("");
      const started = performance.now();
      let outcome = "failed";
      try {
        const result = await work(note);
        outcome = "done";
        return result;
      } finally {
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        line(`${isTerminal ? "\r\u001B[2K" : ""}${text}: ${outcome} (${seconds} s)`);
      }
    },
    progress(text, total) {
      let drawnAt = 0;
      let quarters = 0;
      return {
        update(done) {
          const share = total === 0 ? 1 : Math.min(1, done / total);
          const now = performance.now();
          if (isTerminal && now - drawnAt > REDRAW_MS) {
            drawnAt = now;
            const cells = Math.round(share * BAR_CELLS);
            const bar = "█".repeat(cells) + "░".repeat(BAR_CELLS - cells);
            stream.write(`\r\u001B[2K${text} ${bar} ${done} of ${total}`);
          } else if (!isTerminal && Math.floor(share * 4) > quarters) {
            quarters = Math.floor(share * 4);
            line(`${text}: ${done} of ${total}`);
          }
        },
        end(result) {
          line(`${isTerminal ? "\r\u001B[2K" : ""}${text}: ${result}`);
        },
      };
    },
  };
}
