import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { TlsAddress } from "./sources.ts";

export interface CertificateFacts {
  name: string;
  /** Milliseconds since 1970; null where it could not be read. */
  end: number | null;
}

/** What PostgreSQL is asked before TLS begins, and its yes. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const YES = "S";

/** When the certificate a server shows ends. Whether it can be trusted is decided where connections are made. Never throws. */
export async function readCertificateEnd(
  address: TlsAddress,
  signal: AbortSignal,
): Promise<CertificateFacts> {
  let socket: Socket | undefined;
  try {
    const plain = await opened(connectTcp({ host: address.host, port: address.port }), "connect", signal);
    socket = plain;
    if (address.protocol === "postgres") await askForTls(plain, signal);
    const tls = connectTls({
      socket: plain,
      ...(isIP(address.host) === 0 ? { servername: address.host } : {}),
      // Looked at and never sent anything: also one that has ended is to be told of.
      rejectUnauthorized: false,
    });
    socket = tls;
    await opened(tls, "secureConnect", signal);
    return { name: address.name, end: endOf(tls) };
  } catch {
    return { name: address.name, end: null };
  } finally {
    socket?.destroy();
  }
}

function endOf(socket: TLSSocket): number | null {
  const end = Date.parse(socket.getPeerCertificate().valid_to);
  return Number.isNaN(end) ? null : end;
}

async function askForTls(socket: Socket, signal: AbortSignal): Promise<void> {
  const answer = new Promise<string>((resolve) => {
    socket.once("data", (data) => resolve(data.toString("latin1")));
  });
  socket.write(SSL_REQUEST);
  const failed = opened(socket, "close", signal).then(() => "");
  if ((await Promise.race([answer, failed])) !== YES) throw new Error("the server does not speak TLS");
}

function opened<T extends Socket>(
  socket: T,
  event: "connect" | "secureConnect" | "close",
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve(socket));
    socket.once("error", reject);
    signal.addEventListener(
      "abort",
      () => {
        reject(new Error("no answer in time"));
        socket.destroy();
      },
      { once: true },
    );
  });
}
