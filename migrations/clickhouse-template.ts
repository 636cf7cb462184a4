import { MigrationError } from "./migration-error.ts";

/*
 * What a ClickHouse migration may leave open, so that one file serves a single server, a replicated cluster and
 * ClickHouse Cloud. The database is the one of the connection; files do not name it.
 *
 *   {{on_cluster}}                              nothing | on cluster 'name'
 *   {{engine:ReplacingMergeTree(ingested_at)}}  as it stands | ReplicatedReplacingMergeTree(ingested_at)
 *   {{deduplication:100000}}                    the settings that make a table remember that many inserted blocks
 *   {{database}}                                for the few statements that cannot do without it
 */
export interface TemplateContext {
  database: string;
  /** Name of the cluster, or undefined for a single server. */
  cluster: string | undefined;
}

/** A retry may come after an outage of weeks; a replicated table forgets blocks by age as well, after an hour by default. */
const REPLICATED_WINDOW_SECONDS = 60 * 24 * 3600;

export function fillTemplate(sql: string, context: TemplateContext, fileName: string): string {
  return sql.replaceAll(/\{\{\s*([a-z_]+)\s*(?::(.*?))?\}\}/gs, (whole, key: string, value = "") => {
    const argument = String(value).trim();
    switch (key) {
      case "on_cluster":
        return context.cluster === undefined ? "" : `on cluster '${context.cluster}'`;
      case "engine":
        return context.cluster === undefined ? argument : `Replicated${argument}`;
      case "deduplication":
        return context.cluster === undefined
          ? `non_replicated_deduplication_window = ${argument}`
          : `replicated_deduplication_window = ${argument}, replicated_deduplication_window_seconds = ${REPLICATED_WINDOW_SECONDS}`;
      case "database":
        return context.database;
      default:
        throw new MigrationError(
          `${fileName} uses ${whole}, which is not a placeholder. There are: {{on_cluster}}, {{engine:…}}, {{deduplication:…}}, {{database}}`,
          { file: fileName },
        );
    }
  });
}

/** The cluster of an option or of NETRA_CLICKHOUSE_CLUSTER, checked because it is written into statements. */
export function clusterName(value: string | undefined): string | undefined {
  if (value === undefined || value === "") return undefined;
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(value)) {
    throw new MigrationError(
      "NETRA_CLICKHOUSE_CLUSTER must be a cluster's name: letters, digits, underscores and hyphens",
    );
  }
  return value;
}
