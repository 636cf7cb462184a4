import type { ClickHouse } from "../../shared/clickhouse/client.ts";
import type { Pool } from "../../shared/postgres/pool.ts";

/** What checks ask. */
export interface Sources {
  pool: Pool;
  clickhouse: ClickHouse;
  now: () => number;
  /** Streaming replicas there should be. */
  replicasExpected: number;
  /** Where critical begins for the database's size, in bytes. */
  databaseBytesMax: number;
  /** Addresses whose certificates are looked at: those of the stores, as far as they are reached over TLS. */
  tlsAddresses: readonly TlsAddress[];
}

export interface TlsAddress {
  name: string;
  host: string;
  port: number;
  /** PostgreSQL asks for TLS in its own protocol first. */
  protocol: "tls" | "postgres";
}
