import { subscribe } from "node:diagnostics_channel";
import { type IncomingMessage, Server, type ServerResponse } from "node:http";
import { guardOf } from "./guard.ts";
import { SMALL_BYTES } from "./large-bodies.ts";

/** A function as the framework calls it, as far as it looks at its request. */
type Serve = (request: IncomingMessage & { rawBody?: Buffer }, response: ServerResponse) => Promise<void>;

/**
 * Hands a small request straight to the function when its body came with its head, as those of our clients do: the
 * framework's way through its middlewares costs as much as the rest of answering it. Every other request goes to the
 * framework. Call it behind installRuntime, with what the framework is given.
 */
export function installShortWay(serve: Serve): void {
  subscribe("tracing:net.server.listen:asyncEnd", (listening) => {
    if (typeof listening !== "object" || listening === null || !("server" in listening)) return;
    const { server } = listening;
    if (server instanceof Server) shortenWay(server, serve);
  });
}

function shortenWay(server: Server, serve: Serve): void {
  const longWay = server.listeners("request");
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    const goOn = (): void => {
      for (const listener of longWay) Reflect.apply(listener, server, [request, response]);
    };
    const bytes = bodyBytesOf(request);
    if (bytes === 0) return goOn();
    // What came in one packet with the head is here when the parser is done with the packet.
    setImmediate(() => {
      if (!request.complete || request.readableLength !== bytes) return goOn();
      const body: unknown = request.read();
      if (Buffer.isBuffer(body)) Object.assign(request, { rawBody: body });
      void serve(request, response);
    });
  });
}

/** How long the body is said to be; 0 for one that is not of this way. */
function bodyBytesOf(request: IncomingMessage): number {
  const guard = guardOf(request);
  const bytes = Number(request.headers["content-length"] ?? 0);
  return guard === null || guard.tooLarge || !(bytes <= SMALL_BYTES) ? 0 : bytes;
}
