import { subscribe } from "node:diagnostics_channel";
import { Server } from "node:http";
import { disableDomains } from "./disable-domains.ts";
import { installDrain } from "./drain.ts";
import { type GuardOptions, installGuard, LARGE_BODY_MS } from "./guard.ts";

/** How long a whole request may take to arrive; Node looks every half minute. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 15_000;

/** What every function needs around the framework. Call it once, before the framework starts its server. */
export function installRuntime(options: GuardOptions & { onStop: () => Promise<void> }): void {
  disableDomains();
  installGuard(options);
  installDrain(options);
  boundRequests(Math.max(REQUEST_MS, options.largeBodyMs ?? LARGE_BODY_MS));
}

/** Many small bodies that never end would take as much room as a few large ones. */
function boundRequests(requestMs: number): void {
  subscribe("tracing:net.server.listen:asyncEnd", (listening) => {
    if (typeof listening !== "object" || listening === null || !("server" in listening)) return;
    const { server } = listening;
    if (!(server instanceof Server)) return;
    server.requestTimeout = requestMs;
    server.headersTimeout = HEADERS_MS;
  });
}
