/**
 * The database a ClickHouse URL names in its path, such as `netra_analytics` in `http://user:pw@host:8123/netra_analytics`.
 * Throws when there is none or when it is not a plain identifier, because it is written into statements as it is.
 */
export function databaseNameOf(url: string): string {
  const name = decodeURIComponent(new URL(url).pathname.replace(/^\//, ""));
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name)) {
    throw new Error(
      "The ClickHouse URL must name a database in its path, of letters, digits and underscores: http://host:8123/netra_analytics",
    );
  }
  return name;
}
