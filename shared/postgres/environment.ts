import { z } from "zod";
import { httpUrl, postgresUrl } from "../config.ts";
import { secretAt, type SecretSource } from "../secret-source.ts";
import { passwordReference } from "../secrets-environment.ts";
import type { DatabaseAddress } from "./pool.ts";

export const instanceName = z.string().regex(/^([a-z0-9.-]+:)?[a-z][a-z0-9-]+:[a-z0-9-]+:[a-z][a-z0-9-]+$/, {
  error: "must be PROJECT:REGION:INSTANCE",
});

/** Where the database is: its address, or the name of an instance of Cloud SQL with a login of it. */
export const DATABASE_ENVIRONMENT = {
  DATABASE_URL: postgresUrl.optional(),
  INSTANCE_CONNECTION_NAME: instanceName.optional(),
  DATABASE_NAME: z.string().min(1).max(63).default("netra"),
  /** With IAM the e-mail of the service account. */
  DATABASE_USER: z.string().min(1).max(200).optional(),
  /** Without it the login is an IAM one. */
  DATABASE_PASSWORD_SECRET: passwordReference.optional(),
  NETRA_CLOUD_SQL_NETWORK: z.enum(["PRIVATE", "PUBLIC", "PSC"]).default("PRIVATE"),
  NETRA_CLOUD_SQL_API_URL: httpUrl.optional(),
};

type DatabaseEnvironment = z.output<z.ZodObject<typeof DATABASE_ENVIRONMENT>>;

/** For `superRefine(checkDatabase, WITH_OTHER_FAULTS)`: exactly one way to the database, and all of it. */
export function checkDatabase(config: DatabaseEnvironment, context: z.RefinementCtx): void {
  const fault = (name: string, message: string): void =>
    context.addIssue({ code: "custom", path: [name], message });
  const isCloudSql = config.INSTANCE_CONNECTION_NAME !== undefined;
  if (!isCloudSql && config.DATABASE_URL === undefined) {
    fault("DATABASE_URL", "is not set, and neither is INSTANCE_CONNECTION_NAME for Cloud SQL");
  }
  if (isCloudSql && config.DATABASE_URL !== undefined) {
    fault("DATABASE_URL", "cannot be set together with INSTANCE_CONNECTION_NAME");
  }
  if (isCloudSql && config.DATABASE_USER === undefined) {
    fault("DATABASE_USER", "is needed with INSTANCE_CONNECTION_NAME");
  }
}

/** Tells its faults beside those of other variables, not only once those are mended. */
export const WITH_OTHER_FAULTS = { when: () => true };

/** The address of a configuration that was checked. */
export function databaseOf(config: DatabaseEnvironment, secrets: SecretSource): DatabaseAddress {
  if (config.INSTANCE_CONNECTION_NAME === undefined) return { databaseUrl: config.DATABASE_URL ?? "" };
  const reference = config.DATABASE_PASSWORD_SECRET;
  return {
    cloudSql: {
      connectionName: config.INSTANCE_CONNECTION_NAME,
      network: config.NETRA_CLOUD_SQL_NETWORK,
      apiUrl: config.NETRA_CLOUD_SQL_API_URL,
      database: config.DATABASE_NAME,
      user: config.DATABASE_USER ?? "",
      password: reference === undefined ? null : secretAt(secrets, reference),
    },
  };
}
