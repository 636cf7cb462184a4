import { subscribe } from "node:diagnostics_channel";
import { Server } from "node:http";
import type { Log } from "../log.ts";
import { installCrash } from "./crash.ts";
import { disableDomains } from "./disable-domains.ts";
import { installDrain } from "./drain.ts";
import { logFrameworkErrors } from "./framework-errors.ts";
import { type GuardOptions, installGuard, LARGE_BODY_MS } from "./guard.ts";

/** How long a whole request may take to arrive; Node looks every half minute. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 15_000;

/** What the runtime needs of a function. */
interface FunctionContext {
  log: Log;
  projectId: string | undefined;
  /** Closes what is open, after the last request. */
  close: () => Promise<void>;
}

/** What every function needs around the framework. Call it once, before the framework starts its server. */
export function installRuntime(context: FunctionContext, guard: GuardOptions): void {
  disableDomains();
  installCrash(context.log);
  installGuard(guard);
  installDrain({ onStop: context.close });
  subscribe("tracing:net.server.listen:asyncEnd", (listening) => {
    if (typeof listening !== "object" || listening === null || !("server" in listening)) return;
    const { server } = listening;
    if (!(server instanceof Server)) return;
    // Many small bodies that never end would take as much room as a few large ones.
    server.requestTimeout = Math.max(REQUEST_MS, guard.largeBodyMs ?? LARGE_BODY_MS);
    server.headersTimeout = HEADERS_MS;
    logFrameworkErrors(server, context);
  });
}
