import type { CommandIo } from "./command.ts";

export interface Progress {
  /** Shows how far the work is; `done` and `total` are in the same unit. Draws at most ten times a second. */
  update(done: number, total: number, note?: string): void;
  /** Takes the bar off the screen. */
  end(): void;
}

const WIDTH = 24;
const REDRAW_MS = 100;

/** A progress bar on stderr; does nothing when stderr is no terminal. */
export function createProgress(io: CommandIo, label: string, now: () => number = Date.now): Progress {
  if (!io.errIsTerminal) return { update: () => {}, end: () => {} };
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    update(done, total, note = "") {
      const at = now();
      if (at - drawnAt < REDRAW_MS) return;
      drawnAt = at;
      const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
      const full = Math.round(share * WIDTH);
      const bar = "█".repeat(full) + "░".repeat(WIDTH - full);
      const percent = `${Math.floor(share * 100)}`.padStart(3);
      io.err(`\r\u001B[2K${label} ${bar} ${percent} %${note === "" ? "" : ` ${note}`}`);
    },
    end() {
      if (drawnAt !== Number.NEGATIVE_INFINITY) io.err("\r\u001B[2K");
    },
  };
}
