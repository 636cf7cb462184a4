import { createServer, type Server } from "node:http";
import type { AddressInfo, Server as NetServer } from "node:net";

export interface MetadataServer {
  /** Environment with which Google's libraries find it. */
  env: Record<string, string>;
  /** The account of an access token it gave out, or null. */
  accountOf: (token: string) => string | null;
  /** How many access tokens were asked for. */
  tokensGiven: () => number;
  close: () => Promise<void>;
}

const BASE = "/computeMetadata/v1";

/** A stand-in of the platform's metadata server: it says which account the instance runs as, and gives its tokens. */
export async function startMetadataServer(options: {
  projectId: string;
  email: string;
}): Promise<MetadataServer> {
  const tokens = new Map<string, string>();
  const answers: Readonly<Record<string, () => string>> = {
    [BASE]: () => "ok",
    [`${BASE}/instance`]: () => "ok",
    [`${BASE}/project/project-id`]: () => options.projectId,
    [`${BASE}/universe/universe-domain`]: () => "googleapis.com",
    [`${BASE}/universe/universe_domain`]: () => "googleapis.com",
    [`${BASE}/instance/service-accounts/default/email`]: () => options.email,
    [`${BASE}/instance/service-accounts/default/token`]: () => {
      const token = `ya29.stand-in-${tokens.size + 1}`;
      tokens.set(token, options.email);
      return JSON.stringify({ access_token: token, expires_in: 3_600, token_type: "Bearer" });
    },
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0]?.replace(/\/$/, "") ?? "";
    response.setHeader("metadata-flavor", "Google");
    const answer = answers[path];
    if (answer === undefined || request.headers["metadata-flavor"] !== "Google") {
      response.writeHead(answer === undefined ? 404 : 403).end();
      return;
    }
    const body = answer();
    response.setHeader("content-type", body.startsWith("{") ? "application/json" : "application/text");
    response.end(body);
  });
  const { port } = await listenOn(server, "127.0.0.1", 0);
  return {
    env: {
      GCE_METADATA_HOST: `127.0.0.1:${port}`,
      METADATA_SERVER_DETECTION: "assume-present",
      // Otherwise Google's libraries run gcloud to find out.
      GOOGLE_CLOUD_PROJECT: options.projectId,
    },
    accountOf: (token) => tokens.get(token) ?? null,
    tokensGiven: () => tokens.size,
    close: () => closeServer(server),
  };
}

export function listenOn(server: NetServer, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
