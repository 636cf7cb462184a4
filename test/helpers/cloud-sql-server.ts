import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { createAuthority } from "./certificate-authority.ts";
import { type CloudSqlProxy, startCloudSqlProxy } from "./cloud-sql-proxy.ts";
import { closeServer, listenOn } from "./google-metadata.ts";

interface CloudSqlOptions {
  /** `project:region:instance`. */
  connectionName: string;
  /** A loopback address no other test uses. */
  host: string;
  postgresPort: number;
  accountOf: (token: string) => string | null;
}

export interface CloudSqlServer {
  apiUrl: string;
  proxy: CloudSqlProxy;
  /** How many requests the admin API had, and how many of them for certificates that it could have given. */
  requests: () => number;
  certificatesWanted: () => number;
  /** How long certificates live from now on, in milliseconds; an hour at first. */
  setLifetime: (ms: number) => void;
  /** The status every request to the admin API is answered with from now on, or null for what it should be. */
  setFault: (status: number | null) => void;
  close: () => Promise<void>;
}

interface Answer {
  status: number;
  body: unknown;
}

/** A stand-in of the part of Cloud SQL's admin API that connectors use, and of the proxy that takes its certificates. */
export async function startCloudSql(options: CloudSqlOptions): Promise<CloudSqlServer> {
  const [project = "", region = "", instance = ""] = options.connectionName.split(":");
  const base = `/sql/v1beta4/projects/${project}/instances/${instance}`;
  const authority = await createAuthority();
  const principals = new Map<string, string | null>();
  let lifetimeMs = 3_600_000;
  let fault: number | null = null;
  let requests = 0;
  let wanted = 0;

  function connectSettings(): Answer {
    const addresses = ["PRIMARY", "PRIVATE"].map((type) => ({ type, ipAddress: options.host }));
    return {
      status: 200,
      body: {
        databaseVersion: "POSTGRES_18",
        region,
        ipAddresses: addresses,
        serverCaCert: {
          cert: authority.cert,
          expirationTime: new Date(Date.now() + 86_400_000).toISOString(),
        },
        serverCaMode: "GOOGLE_MANAGED_INTERNAL_CA",
      },
    };
  }

  async function ephemeralCert(body: unknown): Promise<Answer> {
    const { public_key: publicKey = "", access_token: token } = body as Record<string, string | undefined>;
    const principal = token === undefined ? null : options.accountOf(token);
    if (token !== undefined && principal === null) return refusal(401);
    const { cert, serial } = await authority.issueClient(publicKey, new Date(Date.now() + lifetimeMs));
    principals.set(serial, principal);
    return { status: 200, body: { ephemeralCert: { cert } } };
  }

  const api = createServer((request, response) => {
    const answer = async (): Promise<Answer> => {
      const route = `${request.method} ${decodeURIComponent(request.url?.split("?")[0] ?? "")}`;
      requests += 1;
      if (fault !== null) return refusal(fault);
      if (route.endsWith(":generateEphemeralCert")) wanted += 1;
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
      if (options.accountOf(token) === null) return refusal(401);
      if (route === `GET ${base}/connectSettings`) return connectSettings();
      if (route === `POST ${base}:generateEphemeralCert`) return ephemeralCert(await json(request));
      return refusal(404);
    };
    void answer().then(({ status, body }) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
    );
  });
  const { port } = await listenOn(api, "127.0.0.1", 0);
  const server = await authority.issueServer(`${project}:${instance}`);
  const proxy = await startCloudSqlProxy({
    host: options.host,
    ca: authority.cert,
    ...server,
    postgresPort: options.postgresPort,
    principalOf: (serial) => principals.get(serial),
  });
  return {
    apiUrl: `http://127.0.0.1:${port}/`,
    proxy,
    requests: () => requests,
    certificatesWanted: () => wanted,
    setLifetime(ms) {
      lifetimeMs = ms;
    },
    setFault(status) {
      fault = status;
    },
    async close() {
      await proxy.close();
      await closeServer(api);
    },
  };
}

function refusal(code: number): Answer {
  return { status: code, body: { error: { code, message: `stand-in: ${code}` } } };
}
