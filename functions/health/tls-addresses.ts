import type { TlsAddress } from "./sources.ts";

const PLAIN_MODES = new Set(["", "disable", "allow", "prefer"]);

/** The stores that are reached over TLS, by their addresses. */
export function tlsAddressesOf(databaseUrl: string | undefined, clickhouseUrl: string): TlsAddress[] {
  return [...postgresAddress(databaseUrl), ...clickhouseAddress(clickhouseUrl)];
}

/** None for Cloud SQL, whose connector makes and renews its certificates by itself. */
function postgresAddress(url: string | undefined): TlsAddress[] {
  if (url === undefined) return [];
  const database = new URL(url);
  const mode =
    database.searchParams.get("sslmode") ?? (database.searchParams.get("ssl") === "true" ? "require" : "");
  if (PLAIN_MODES.has(mode)) return [];
  const port = Number(database.port || 5_432);
  return [{ name: "PostgreSQL", host: hostOf(database), port, protocol: "postgres" }];
}

function clickhouseAddress(url: string): TlsAddress[] {
  const analytics = new URL(url);
  if (analytics.protocol !== "https:") return [];
  const port = Number(analytics.port || 443);
  return [{ name: "ClickHouse", host: hostOf(analytics), port, protocol: "tls" }];
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
