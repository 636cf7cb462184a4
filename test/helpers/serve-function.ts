import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { http, type HttpFunction } from "@google-cloud/functions-framework";
import { getTestServer } from "@google-cloud/functions-framework/testing";
import { type GuardOptions, guardRequest } from "../../shared/runtime/guard.ts";

export interface ServedFunction {
  url: string;
  close: () => Promise<void>;
}

/** Serves a function through the real framework, guarded as it is in production, on a free port. */
export async function serveFunction(
  handler: HttpFunction,
  maxBodyBytes: number,
  guard: Omit<GuardOptions, "maxBodyBytes"> = {},
): Promise<ServedFunction> {
  const name = `test-${randomUUID()}`;
  http(name, handler);
  const server = getTestServer(name);
  server.prependListener("request", (request) => guardRequest(request, { ...guard, maxBodyBytes }));
  await listen(server);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
}
