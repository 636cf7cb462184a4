import {
  analyticsConnection,
  analyticsDisk,
  analyticsInserts,
  analyticsQuery,
  analyticsTables,
} from "./checks/analytics.ts";
import { certificates } from "./checks/certificates.ts";
import { jobs } from "./checks/jobs.ts";
import { clickhouseMigrations, postgresMigrations } from "./checks/migrations.ts";
import { months } from "./checks/months.ts";
import { pools } from "./checks/pools.ts";
import { postgresConnection } from "./checks/postgres-connection.ts";
import { deliveries, events, executions, relay } from "./checks/queues.ts";
import { replication } from "./checks/replication.ts";
import { secrets } from "./checks/secrets.ts";
import { sessions } from "./checks/sessions.ts";
import { statements } from "./checks/statements.ts";
import { storage } from "./checks/storage.ts";
import { type RunnableGroup, runnable } from "./group.ts";

/** Every check there is, in the order in which they are told of. */
export const ALL_CHECKS: readonly RunnableGroup[] = [
  runnable(postgresConnection),
  runnable(pools),
  runnable(sessions),
  runnable(storage),
  runnable(statements),
  runnable(replication),
  runnable(postgresMigrations),
  runnable(months),
  runnable(executions),
  runnable(relay),
  runnable(events),
  runnable(deliveries),
  runnable(jobs),
  runnable(secrets),
  runnable(certificates),
  runnable(analyticsConnection),
  runnable(analyticsQuery),
  runnable(analyticsTables),
  runnable(analyticsDisk),
  runnable(analyticsInserts),
  runnable(clickhouseMigrations),
];
