import { z } from "zod";
import { httpUrl } from "../config.ts";
import { secretAt, type SecretSource } from "../secret-source.ts";
import { passwordReference } from "../secrets-environment.ts";
import type { ClickHouseOptions } from "./client.ts";

/** Where ClickHouse is. */
export const CLICKHOUSE_ENVIRONMENT = {
  CLICKHOUSE_URL: httpUrl,
  /** In place of a password in the address. */
  CLICKHOUSE_PASSWORD_SECRET: passwordReference.optional(),
  /** PEM file of the authority that signed a server of one's own. */
  CLICKHOUSE_CA_FILE: z.string().optional(),
};

type ClickHouseEnvironment = z.output<z.ZodObject<typeof CLICKHOUSE_ENVIRONMENT>>;

export function clickhouseOf(
  config: ClickHouseEnvironment,
  secrets: SecretSource,
): Pick<ClickHouseOptions, "url" | "password" | "caFile"> {
  const reference = config.CLICKHOUSE_PASSWORD_SECRET;
  return {
    url: config.CLICKHOUSE_URL,
    password: reference === undefined ? undefined : secretAt(secrets, reference),
    caFile: config.CLICKHOUSE_CA_FILE,
  };
}
