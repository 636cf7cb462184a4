import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type GuardOptions, guardRequest } from "../shared/runtime/guard.ts";
import { StartError } from "./start-error.ts";

const DRAIN_MS = 15_000;

/** A function behind the front: requests below its prefix reach its server with the prefix taken off. */
export interface FrontRoute {
  prefix: string;
  server: Server;
  maxBodyBytes: number;
  /** How its guard is set beyond that. */
  guard?: Omit<GuardOptions, "maxBodyBytes">;
}

export interface Front {
  port: number;
  url: string;
  /** Until this is called every request is answered 503. */
  serve: (routes: readonly FrontRoute[]) => void;
  /** Takes no new connection and waits, up to a deadline, until every request in flight is answered. */
  close: () => Promise<void>;
}

/** One port on 127.0.0.1 for all functions. */
export async function openFront(port: number): Promise<Front> {
  const open = new Set<ServerResponse>();
  let routes: readonly FrontRoute[] | null = null;
  let closing: Promise<void> | null = null;

  const server = createServer((request, response) => {
    open.add(response);
    response.once("close", () => open.delete(response));
    if (closing !== null) response.setHeader("connection", "close");
    if (routes === null) unavailable(response);
    else forward(request, response, routes);
  });
  server.listen(port, "127.0.0.1");
  await listening(server, port);

  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the front has no port");
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    serve: (served) => {
      routes = served;
    },
    close: () => {
      closing ??= drain(server, open);
      return closing;
    },
  };
}

async function listening(server: Server, port: number): Promise<void> {
  try {
    await once(server, "listening");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code !== "EADDRINUSE" && code !== "EACCES") throw cause;
    const reason = code === "EACCES" ? "may not be used by this user" : "is taken by another program";
    throw new StartError(
      `Port ${port} ${reason}. Stop that program, or start on another port:\n` +
        "  npm start -- --port 8090    (or NETRA_PORT=8090 npm start; port 0 takes a free one)",
      { cause },
    );
  }
}

function forward(request: IncomingMessage, response: ServerResponse, routes: readonly FrontRoute[]): void {
  const url = request.url ?? "/";
  const route = routes.find(
    ({ prefix }) => url === prefix || (/^[/?]/.test(url.slice(prefix.length)) && url.startsWith(prefix)),
  );
  if (route === undefined) {
    notFound(response, routes);
    return;
  }
  const rest = url.slice(route.prefix.length);
  request.url = rest.startsWith("/") ? rest : `/${rest}`;
  guardRequest(request, { ...route.guard, maxBodyBytes: route.maxBodyBytes });
  route.server.emit("request", request, response);
}

async function drain(server: Server, open: ReadonlySet<ServerResponse>): Promise<void> {
  const deadline = Date.now() + DRAIN_MS;
  server.close();
  server.closeIdleConnections();
  for (const response of open) if (!response.headersSent) response.setHeader("connection", "close");
  while (open.size > 0 && Date.now() < deadline) await delay(20);
  server.closeAllConnections();
}

function unavailable(response: ServerResponse): void {
  problem(response, 503, "starting", "Netra is starting; come again in a moment", { "retry-after": "1" });
}

function notFound(response: ServerResponse, routes: readonly FrontRoute[]): void {
  const prefixes = routes.map(({ prefix }) => prefix).join(", ");
  problem(response, 404, "not found", `the functions are below ${prefixes}`);
}

function problem(
  response: ServerResponse,
  status: number,
  title: string,
  detail: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/problem+json", ...headers });
  response.end(JSON.stringify({ type: "about:blank", title, status, detail }));
}
