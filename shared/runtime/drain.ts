import { subscribe } from "node:diagnostics_channel";
import { type IncomingMessage, Server, type ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const STEP_MS = 20;
/** How long no request may come in before the connections that are left are cut. */
const QUIET_MS = 300;
/** One press of Ctrl-C below npm arrives twice: from the terminal and from npm. So the second press is the third. */
const INTERRUPTS_MAX = 2;
const EXIT_INTERRUPTED = 130;

interface RequestStart {
  request: IncomingMessage;
  response: ServerResponse;
  server: Server;
}

/**
 * Stops a function gracefully: no new connections, requests in flight finish, then `onStop` (close pools). The framework
 * ends the process at once on SIGTERM and fails what is in flight, so its listeners are removed as it adds them; import
 * this before the framework starts its server. Cloud Run kills the process ten seconds after SIGTERM. Told again meanwhile,
 * it goes on; somebody at a terminal who does not want to wait ends it with Ctrl-C.
 */
export function installDrain(options: { graceMs?: number; onStop: () => Promise<void> }): void {
  const graceMs = options.graceMs ?? 8_000;
  const open = new Set<ServerResponse>();
  let server: Server | undefined;
  let stopping = false;

  subscribe("tracing:net.server.listen:asyncEnd", (listening) => {
    if (isListening(listening)) server ??= listening.server;
  });
  subscribe("http.server.request.start", (start) => {
    if (!isRequestStart(start)) return;
    server ??= start.server;
    open.add(start.response);
    start.response.once("close", () => open.delete(start.response));
    if (stopping) start.response.setHeader("connection", "close");
  });

  const stop = async (): Promise<void> => {
    stopping = true;
    const deadline = performance.now() + graceMs;
    // Stops listening only: http's own close() also cuts idle connections, on which a request may be on its way.
    if (server !== undefined) NetServer.prototype.close.call(server);
    for (const response of open) if (!response.headersSent) response.setHeader("connection", "close");
    for (
      let quietMs = 0;
      quietMs < QUIET_MS && performance.now() < deadline;
      quietMs = open.size > 0 ? 0 : quietMs + STEP_MS
    ) {
      await sleep(STEP_MS);
    }
    server?.closeAllConnections();
    await Promise.race([options.onStop(), sleep(Math.max(0, deadline - performance.now()))]);
  };
  let interrupts = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signal === "SIGINT") interrupts += 1;
    if (interrupts > INTERRUPTS_MAX) process.exit(EXIT_INTERRUPTED);
    if (stopping) return;
    // Exits one turn later, so that the last log lines are written.
    void stop().then(
      () => setImmediate(() => process.exit(0)),
      () => setImmediate(() => process.exit(1)),
    );
  };

  process.on("newListener", (event, listener) => {
    if ((event === "SIGTERM" || event === "SIGINT") && listener !== onSignal) {
      process.nextTick(() => process.removeListener(event, listener));
    }
  });
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

function isListening(message: unknown): message is { server: Server } {
  return (
    typeof message === "object" && message !== null && "server" in message && message.server instanceof Server
  );
}

function isRequestStart(message: unknown): message is RequestStart {
  return typeof message === "object" && message !== null && "response" in message && "server" in message;
}
