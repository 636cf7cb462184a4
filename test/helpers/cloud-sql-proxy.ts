import { connect, type Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { plainSerial } from "./certificate-authority.ts";
import { listenOn } from "./google-metadata.ts";

interface ProxyOptions {
  /** Own loopback address: the connector knows one port only. */
  host: string;
  ca: string;
  cert: string;
  key: string;
  postgresPort: number;
  /** Whom a client certificate was given to: an account, null for whoever has a password; undefined for an unknown one. */
  principalOf: (serial: string) => string | null | undefined;
}

export interface CloudSqlProxy {
  /** Sessions by their user, in the order they came. */
  users: string[];
  openCount: () => number;
  /** Cuts every connection. */
  drop: () => void;
  close: () => Promise<void>;
}

/** Where the connector goes; it cannot be told another. */
const PORT = 3307;
const IAM_SUFFIX = /\.gserviceaccount\.com$/;

/**
 * A stand-in of Cloud SQL's proxy on the server's side: TLS 1.3 with a client certificate, then PostgreSQL. An IAM user,
 * whose name has an @, must be the account its certificate was given to; the server itself trusts those users.
 */
export async function startCloudSqlProxy(options: ProxyOptions): Promise<CloudSqlProxy> {
  const open = new Set<Socket>();
  const users: string[] = [];
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
  };

  function serve(client: TLSSocket): void {
    track(client);
    const principal = options.principalOf(plainSerial(client.getPeerCertificate().serialNumber));
    if (principal === undefined) {
      client.destroy();
      return;
    }
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      if (head.length < 8 || head.length < head.readInt32BE(0)) return;
      client.off("data", onData);
      const user = userOf(head);
      users.push(user);
      if (user.includes("@") && principal?.replace(IAM_SUFFIX, "") !== user) {
        client.end(authenticationFailed(user));
        return;
      }
      pass(client, head);
    };
    client.on("data", onData);
  }

  function pass(client: TLSSocket, head: Buffer): void {
    const server = connect(options.postgresPort, "127.0.0.1");
    track(server);
    server.once("close", () => client.destroy());
    client.once("close", () => server.destroy());
    server.write(head);
    client.pipe(server);
    server.pipe(client);
  }

  const proxy = createServer(
    {
      minVersion: "TLSv1.3",
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      requestCert: true,
      rejectUnauthorized: true,
    },
    serve,
  );
  // A certificate that has ended is refused here.
  proxy.on("tlsClientError", (_error, socket) => socket.destroy());
  await listenOn(proxy, options.host, PORT);
  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    users,
    openCount: () => open.size,
    drop,
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        drop();
      }),
  };
}

/** The user of a startup message. */
function userOf(message: Buffer): string {
  const fields = message.subarray(8, message.readInt32BE(0)).toString().split("\0");
  return fields[fields.indexOf("user") + 1] ?? "";
}

/** What Cloud SQL answers, as PostgreSQL's error message. */
function authenticationFailed(user: string): Buffer {
  const message = `Cloud SQL IAM service account authentication failed for user "${user}"`;
  const fields = Buffer.from(["SFATAL", "VFATAL", "C28000", `M${message}`, "\0"].join("\0"));
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
