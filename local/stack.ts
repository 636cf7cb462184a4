import { DataFolder, type ConnectionFile } from "./data-folder.ts";
import { migrateServers, startServers } from "./databases.ts";
import { openFront } from "./front.ts";
import { createLog } from "../shared/log.ts";
import { openFunctions } from "./functions.ts";
import { importDemo } from "./import-demo.ts";
import { type Messaging, openMessaging } from "./messaging.ts";
import type { StartOptions } from "./options.ts";
import { openLog } from "./processes.ts";
import type { Report } from "./report.ts";
import { type ScheduledCall, startScheduler } from "./scheduler.ts";
import { ensureTenant } from "./tenant.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export interface Stack {
  connection: ConnectionFile;
  logFile: string;
  /** Resolves with the name of a part that ended although nobody stopped it. */
  failed: Promise<string>;
  /** Answers what is in flight, then closes functions, Pub/Sub, ClickHouse and PostgreSQL in this order. */
  close: () => Promise<void>;
}

/**
 * Starts everything: databases, schema, organization and key, every function behind one port, the scheduler, and the
 * demo data when this folder has none yet. Aborting the signal undoes what was started and throws its reason.
 */
export async function startStack(options: StartOptions, report: Report, signal: AbortSignal): Promise<Stack> {
  await using parts = new AsyncDisposableStack();
  const folder = await DataFolder.open(options.dataDirectory);
  parts.defer(() => folder.close());
  const front = await openFront(options.port);
  parts.defer(() => front.close());
  folder.announce(front.url);
  signal.throwIfAborted();

  const secrets = await folder.readSecrets();
  const servers = await report.step("Starting PostgreSQL and ClickHouse", () =>
    startServers(folder, secrets, parts),
  );
  signal.throwIfAborted();
  const databases = await report.step("Bringing the schema up to date", (note) =>
    migrateServers(servers, secrets, note),
  );
  signal.throwIfAborted();
  const tenant = await ensureTenant(databases.adminDatabaseUrl, {
    demo: options.demo,
    findKey: (slug) => secrets.apiKeys[slug],
  });
  folder.writeSecrets({ ...secrets, apiKeys: { ...secrets.apiKeys, [tenant.slug]: tenant.apiKey } });

  const logFile = folder.file("netra.log");
  const log = (await openLog(logFile)).createWriteStream();
  parts.defer(() => closeStream(log));
  const writeLog = (line: string): unknown => log.write(line);
  const messaging = await openMessaging({
    pushEndpoint: `${front.url}/events/push`,
    emulatorHost: options.emulatorHost,
    log: createLog("pubsub", writeLog),
  });
  parts.defer(() => messaging.close());
  const secretsFolder = await folder.makeSecretsFolder();
  const functions = openFunctions(
    {
      ...process.env,
      DATABASE_URL: databases.databaseUrl,
      CLICKHOUSE_URL: databases.clickhouseUrl,
      NETRA_SECRETS_DIR: secretsFolder,
      NETRA_PRIVATE_TARGETS: "1",
      ...messaging.env,
    },
    writeLog,
  );
  parts.defer(() => functions.close());
  parts.defer(() => front.close());
  front.serve(functions.routes);

  const connection: ConnectionFile = {
    url: front.url,
    apiKey: tenant.apiKey,
    organization: tenant.organization,
    organizationId: tenant.organizationId,
    ...databases,
  };
  if (options.demo && !(await folder.hasDemo())) {
    const target = { ...connection, dataDirectory: folder.path };
    folder.writeDemo(await importDemo(target, report, new Date(), signal));
  }
  folder.writeConnection(connection);
  parts.defer(startScheduler(scheduledCalls(front.url, tenant.apiKey, messaging)));

  const started = parts.move();
  return {
    connection,
    logFile,
    failed: Promise.race([
      servers.postgres.ended.then(() => "PostgreSQL"),
      servers.clickhouse.ended.then(() => "ClickHouse"),
    ]),
    close: () => started.disposeAsync(),
  };
}

function scheduledCalls(url: string, apiKey: string, messaging: Messaging): ScheduledCall[] {
  return [
    {
      url: `${url}/ingest/v1/relay`,
      everyMs: MINUTE_MS,
      headers: async () => ({ authorization: `Bearer ${apiKey}` }),
    },
    { url: `${url}/events/sweep`, everyMs: MINUTE_MS, headers: messaging.callHeaders },
    { url: `${url}/events/reconcile`, everyMs: 10 * MINUTE_MS, headers: messaging.callHeaders },
    { url: `${url}/patterns/run`, everyMs: HOUR_MS, headers: messaging.callHeaders },
    { url: `${url}/health/run`, everyMs: MINUTE_MS, headers: messaging.callHeaders },
    {
      url: `${url}/patterns/run?mode=full`,
      everyMs: 24 * HOUR_MS,
      // Beside the first hourly run it would be the only one of the two.
      firstAfterMs: MINUTE_MS,
      headers: messaging.callHeaders,
    },
    { url: `${url}/retention/run`, everyMs: 24 * HOUR_MS, headers: messaging.callHeaders },
  ];
}

function closeStream(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.end(() => resolve());
  });
}
