import { createServer } from "node:http";
import { crc32c } from "../../shared/crc32c.ts";
import { closeServer, listenOn } from "./google-metadata.ts";

interface Version {
  value: Buffer;
  state: "ENABLED" | "DISABLED" | "DESTROYED";
}

/** What goes wrong with a request: an answer of this status, none at all, or bytes that changed on their way. */
type SecretManagerFault = number | "hang" | "damage";

export interface SecretManagerServer {
  url: string;
  /** Adds a version and returns its number. */
  add: (secret: string, value: string | Uint8Array) => number;
  setState: (secret: string, version: number, state: Version["state"]) => void;
  setAlias: (secret: string, alias: string, version: number) => void;
  remove: (secret: string) => void;
  /** What happens to every request from now on; null for nothing. */
  setFault: (fault: SecretManagerFault | null) => void;
  /** From now on the tokens that were used do not hold any more. */
  revokeTokens: () => void;
  /** The names that were asked for, in their order. */
  requests: string[];
  close: () => Promise<void>;
}

const PATH = /^\/v1\/projects\/([^/]+)\/secrets\/([^/]+)\/versions\/([^/]+):access$/;
const STATUS: Readonly<Record<number, string>> = {
  400: "FAILED_PRECONDITION",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
};

/** A stand-in of Secret Manager's REST interface, for one project; it wants a token that `accountOf` knows. */
export async function startSecretManager(options: {
  projectId: string;
  accountOf: (token: string) => string | null;
}): Promise<SecretManagerServer> {
  const secrets = new Map<string, { versions: Version[]; aliases: Map<string, number> }>();
  const requests: string[] = [];
  const used = new Set<string>();
  const revoked = new Set<string>();
  let fault: SecretManagerFault | null = null;

  function access(url: string, authorization: string): { status: number; body: unknown } {
    const [, project = "", name = "", wanted = ""] =
      PATH.exec(decodeURIComponent(url.split("?")[0] ?? "")) ?? [];
    requests.push(`${name}/${wanted}`);
    if (typeof fault === "number") return refusal(fault);
    const token = authorization.replace(/^Bearer /, "");
    if (options.accountOf(token) === null || revoked.has(token)) return refusal(401);
    used.add(token);
    if (project !== options.projectId) return refusal(403);
    const secret = secrets.get(name);
    const number =
      wanted === "latest"
        ? secret?.versions.length
        : /^\d+$/.test(wanted)
          ? Number(wanted)
          : secret?.aliases.get(wanted);
    const version = secret?.versions[(number ?? 0) - 1];
    if (version === undefined) return refusal(404);
    // `latest` is the newest version whatever its state.
    if (version.state !== "ENABLED") return refusal(400);
    const data = Buffer.from(version.value);
    const checksum = crc32c(data);
    if (fault === "damage") data[0] = (data[0] ?? 0) ^ 1;
    return {
      status: 200,
      body: {
        name: `projects/1234/secrets/${name}/versions/${number}`,
        payload: { data: data.toString("base64"), dataCrc32c: String(checksum) },
      },
    };
  }

  const server = createServer((request, response) => {
    const { status, body } = access(request.url ?? "", request.headers.authorization ?? "");
    if (fault === "hang") return;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  const { port } = await listenOn(server, "127.0.0.1", 0);
  const found = (secret: string): { versions: Version[]; aliases: Map<string, number> } => {
    const entry = secrets.get(secret) ?? { versions: [], aliases: new Map<string, number>() };
    secrets.set(secret, entry);
    return entry;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    add: (secret, value) => found(secret).versions.push({ value: Buffer.from(value), state: "ENABLED" }),
    setState(secret, version, state) {
      const entry = found(secret).versions[version - 1];
      if (entry !== undefined) entry.state = state;
    },
    setAlias: (secret, alias, version) => void found(secret).aliases.set(alias, version),
    remove: (secret) => void secrets.delete(secret),
    setFault(next) {
      fault = next;
    },
    revokeTokens() {
      for (const token of used) revoked.add(token);
    },
    requests,
    close: () => closeServer(server),
  };
}

function refusal(code: number): { status: number; body: unknown } {
  return { status: code, body: { error: { code, message: `stand-in: ${code}`, status: STATUS[code] } } };
}
