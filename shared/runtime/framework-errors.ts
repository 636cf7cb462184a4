import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { AppError, problemOf } from "../errors.ts";
import { describeError, type Log } from "../log.ts";
import { traceFields } from "../trace.ts";

type ErrorHandler = (
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
) => void;

/** What the framework serves with, an application of Express, as far as it is needed here. */
interface Application {
  use: (handler: ErrorHandler) => unknown;
}

/**
 * The framework reads the body before any of our code runs. What fails there, as an upload that is broken off does, it
 * would log as twenty lines of text with the error's message; this makes it one line of ours. Behind everything else of
 * the application, it costs a request nothing.
 */
export function logFrameworkErrors(
  server: Server,
  { log, projectId }: { log: Log; projectId: string | undefined },
): void {
  const application: unknown = server.listeners("request").find(isApplication);
  if (!isApplication(application)) throw new TypeError("this version of the framework is not known");
  // Express tells an error handler by its four parameters.
  application.use((error, request, response, _next) => {
    const fields = traceFields(request, projectId);
    // Nobody has looked at the path: it may hold anything.
    const what = `${request.method} (unknown path)`;
    if (!request.complete) {
      log("INFO", `${what} was broken off`, { ...fields, broken_off: true });
      response.destroy();
      return;
    }
    const id = randomUUID();
    log("ERROR", `${what} could not be read`, { request_id: id, ...fields, ...describeError(error) });
    response.writeHead(500, { "content-type": "application/problem+json", "cache-control": "no-store" });
    response.end(
      JSON.stringify(problemOf(new AppError("internal", `report request ${id} to whoever runs this`), id)),
    );
  });
}

function isApplication(listener: unknown): listener is Application {
  return typeof listener === "function" && "use" in listener && typeof listener.use === "function";
}
