/**
 * The migrations this code was written for, by number: the health function compares them with those that were applied. A
 * test compares them with the files, which are not part of what is deployed. Add the number of a new migration here.
 */
export const POSTGRES_MIGRATIONS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
export const CLICKHOUSE_MIGRATIONS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8];
