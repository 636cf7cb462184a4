import type { Direction } from "./migration-files.ts";

/** What a run reports: once as each migration starts, and again with a notice when a part of it is left out. */
export interface MigrationProgress {
  database: "postgres" | "clickhouse";
  direction: Direction;
  name: string;
  /** From 1 to `total`. */
  step: number;
  total: number;
  /** Something people should know, such as a statement left out. */
  notice?: string;
}
