import { Socket } from "node:net";
import type { Connector } from "@google-cloud/cloud-sql-connector";

/** An instance of Cloud SQL and how it is reached. */
export interface CloudSqlInstance {
  /** `project:region:instance`. */
  connectionName: string;
  network: "PRIVATE" | "PUBLIC" | "PSC";
  /** IAM: the certificate says who connects; password: the login's own password does. */
  auth: "IAM" | "PASSWORD";
  /** Of the Cloud SQL admin API, where it is not Google's. */
  apiUrl?: string | undefined;
  /** How far two requests for a new certificate lie apart at least; 30 s by default. */
  refreshGapMs?: number | undefined;
}

export interface CloudSqlDriver {
  /** Resolves when sockets can be opened; rejects when the instance's address and certificate cannot be had. */
  prepare: () => Promise<void>;
  /** A connection under way, encrypted and with a client certificate; what goes wrong is emitted as its error. */
  openSocket: () => Socket;
  /** Stops renewing certificates. Connections that are open stay so: end them first. */
  close: () => Promise<void>;
}

interface Opened {
  connector: Connector;
  stream: () => Socket;
}

/** After a failure the admin API, which has a quota, is left alone for so long. */
const PAUSE_MS = 2_000;

/**
 * Connections through Google's connector, which is loaded at the first of them: it takes a third of a second of computing.
 * What the connector does not do by itself is done here:
 * - It keeps the failure of its first request for whoever asks next, and closing it then is an unhandled rejection, which
 *   ends the process: one that failed is dropped, never closed, and the next try makes a new one.
 * - Until a connection stands, a certificate that cannot be renewed is an unhandled rejection as well: see keepRenewing.
 * - A socket that cannot be made is thrown out of a callback of the pool, where nobody catches it: it becomes an error.
 */
export function createCloudSqlDriver(instance: CloudSqlInstance, now: () => number): CloudSqlDriver {
  let opening: Promise<Opened> | null = null;
  let opened: Opened | null = null;
  let failed: { error: unknown; until: number } | null = null;
  let closed = false;

  async function open(): Promise<Opened> {
    const {
      AuthTypes,
      Connector: NewConnector,
      IpAddressTypes,
    } = await import("@google-cloud/cloud-sql-connector");
    const { connectionName, network, auth, apiUrl, refreshGapMs } = instance;
    const connector = new NewConnector(apiUrl === undefined ? {} : { sqlAdminAPIEndpoint: apiUrl });
    const { stream } = await connector.getOptions({
      instanceConnectionName: connectionName,
      ipType: IpAddressTypes[network],
      authType: AuthTypes[auth],
      ...(refreshGapMs === undefined ? {} : { limitRateInterval: refreshGapMs }),
    });
    keepRenewing(connector);
    return { connector, stream };
  }

  async function openOnce(): Promise<Opened> {
    try {
      opened = await open();
      return opened;
    } catch (error) {
      failed = { error, until: now() + PAUSE_MS };
      throw error;
    } finally {
      opening = null;
    }
  }

  return {
    async prepare() {
      if (closed) throw new Error("the connections to Cloud SQL are closed");
      if (opened !== null) return;
      if (opening === null) {
        if (failed !== null && now() < failed.until) throw failed.error;
        opening = openOnce();
        // Whoever waited may have left by the time it fails.
        opening.catch(() => undefined);
      }
      await opening;
    },
    openSocket() {
      try {
        if (opened === null) throw new Error("Cloud SQL is not prepared");
        return opened.stream();
      } catch (error) {
        return brokenSocket(error);
      }
    },
    async close() {
      closed = true;
      await opening?.catch(() => undefined);
      opened?.connector.close();
      opened = null;
    },
  };
}

/**
 * Tells the connector that a connection has stood once. From then on it tries again when a certificate cannot be renewed;
 * before that it throws where nobody can catch it, and one refused connection is enough to get there. The connector has no
 * public way to say so; a test fails when a new version of it does this otherwise.
 */
function keepRenewing(connector: Connector): void {
  const instances: unknown = Reflect.get(connector, "instances");
  if (!(instances instanceof Map))
    throw new TypeError("this version of the Cloud SQL connector is not known");
  for (const entry of instances.values()) {
    if (!hasInstance(entry)) throw new TypeError("this version of the Cloud SQL connector is not known");
    entry.instance.setEstablishedConnection();
  }
}

function hasInstance(entry: unknown): entry is { instance: { setEstablishedConnection: () => void } } {
  if (typeof entry !== "object" || entry === null || !("instance" in entry)) return false;
  const { instance } = entry;
  return typeof instance === "object" && instance !== null && "setEstablishedConnection" in instance;
}

/** A socket that fails in its next turn and connects nowhere. */
function brokenSocket(error: unknown): Socket {
  const socket = new Socket();
  socket.connect = () => socket;
  return socket.destroy(error instanceof Error ? error : new Error("no connection", { cause: error }));
}
