import type { IncomingMessage } from "node:http";

/**
 * What large bodies may take of the process together: nobody has proved yet that they are theirs. A body takes its room as
 * it comes, not as it is announced: announcing costs a stranger nothing. Small bodies pass beside it, or a few large ones
 * would keep everybody out.
 */
export const SMALL_BYTES = 256 * 1024;
const HELD_BYTES_MAX = 96 * 1024 * 1024;
/** With this much for one address, a sender leaves room for the others. */
const SHARE_BYTES_MAX = HELD_BYTES_MAX / 2;

let heldBytes = 0;
const heldByAddress = new Map<string, number>();

/** The room of one body, which is free again when its request has ended. `address` is null where all share one. */
export interface Room {
  /** Has room for so many bytes in all; false when there is none, and then nothing is held. */
  hold: (bytes: number) => boolean;
}

export function createRoom(request: IncomingMessage, address: string | null): Room {
  let held = 0;
  const set = (bytes: number): void => {
    heldBytes += bytes - held;
    if (address !== null) {
      const ofAddress = (heldByAddress.get(address) ?? 0) + bytes - held;
      if (ofAddress === 0) heldByAddress.delete(address);
      else heldByAddress.set(address, ofAddress);
    }
    held = bytes;
  };
  return {
    hold(bytes) {
      if (bytes <= SMALL_BYTES) return true;
      if (held === 0) request.once("close", () => set(0));
      set(bytes);
      const ofAddress = address === null ? 0 : (heldByAddress.get(address) ?? 0);
      if (heldBytes <= HELD_BYTES_MAX && ofAddress <= SHARE_BYTES_MAX) return true;
      set(0);
      return false;
    },
  };
}

/** A large body that sends nothing for so long is given up, whatever time it has left. */
const STALLED_MS = 10_000;
const SWEEP_MS = 250;

interface Watched {
  /** Monotonic milliseconds, as the other. */
  movedAt: number;
  until: number;
}

const watched = new Map<IncomingMessage, Watched>();
let sweeper: NodeJS.Timeout | null = null;

/** Ends the request, and so frees its room, when its body stops coming or is not here after `totalMs`. */
export function watchBody(request: IncomingMessage, totalMs: number): void {
  const now = performance.now();
  if (!watched.has(request)) request.once("close", () => unwatchBody(request));
  watched.set(request, { movedAt: now, until: now + totalMs });
  sweeper ??= setInterval(sweep, SWEEP_MS).unref();
}

/** Notes that more of it came. */
export function moveBody(request: IncomingMessage): void {
  const entry = watched.get(request);
  if (entry !== undefined) entry.movedAt = performance.now();
}

/** All of it is here, or nobody waits for it any longer. */
export function unwatchBody(request: IncomingMessage): void {
  watched.delete(request);
}

/** One timer for all, and none while there are no large bodies. */
function sweep(): void {
  const now = performance.now();
  for (const [request, { movedAt, until }] of watched) {
    if (now >= until || now - movedAt >= STALLED_MS) request.destroy();
  }
  if (watched.size > 0 || sweeper === null) return;
  clearInterval(sweeper);
  sweeper = null;
}
