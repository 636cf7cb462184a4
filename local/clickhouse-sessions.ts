import type { Session } from "chdb";
import { EngineError } from "./clickhouse-errors.ts";

const NAMED_SESSIONS_MAX = 100;

interface NamedSession {
  session: Session;
  busy: boolean;
  expiry: NodeJS.Timeout | null;
}

export interface SessionLease {
  session: Session;
  release: () => void;
}

/**
 * A fresh session for each request (about a millisecond), so that settings, parameters and temporary tables never
 * leak; a session named by a client is kept until nobody used it for as long as it asked.
 */
export class SessionPool {
  readonly #open: () => Session;
  readonly #named = new Map<string, NamedSession>();
  /** Opened while the request before is being answered. */
  #spare: Session | null = null;
  #isClosed = false;

  constructor(open: () => Session) {
    this.#open = open;
  }

  acquire(name: string | null, keepMs: number): SessionLease {
    if (name === null) {
      const session = this.#spare ?? this.#open();
      this.#spare = null;
      setImmediate(() => this.#openSpare());
      return { session, release: () => session.close() };
    }
    const entry = this.#find(name);
    if (entry.busy) {
      throw new EngineError(373, "SESSION_IS_LOCKED", `Session ${name} is locked by a concurrent client`);
    }
    entry.busy = true;
    if (entry.expiry !== null) clearTimeout(entry.expiry);
    return {
      session: entry.session,
      release: () => {
        entry.busy = false;
        entry.expiry = setTimeout(() => this.#forget(name), keepMs);
        entry.expiry.unref();
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#spare?.close();
    this.#spare = null;
    for (const name of this.#named.keys()) this.#forget(name);
  }

  #openSpare(): void {
    if (this.#isClosed) return;
    try {
      this.#spare ??= this.#open();
    } catch {
      // The next request opens one itself, and is told why that fails.
    }
  }

  #find(name: string): NamedSession {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    if (this.#named.size >= NAMED_SESSIONS_MAX) {
      throw new EngineError(
        202,
        "TOO_MANY_SIMULTANEOUS_QUERIES",
        `More than ${NAMED_SESSIONS_MAX} sessions are open`,
      );
    }
    const entry: NamedSession = { session: this.#open(), busy: false, expiry: null };
    this.#named.set(name, entry);
    return entry;
  }

  #forget(name: string): void {
    const entry = this.#named.get(name);
    if (entry === undefined) return;
    if (entry.expiry !== null) clearTimeout(entry.expiry);
    entry.session.close();
    this.#named.delete(name);
  }
}
