import { setAlertRecipient } from "../../shared/postgres/alerts.ts";
import { insertAuditLog } from "../../shared/postgres/audit-logs.ts";
import type { Command, CommandIo } from "../command.ts";
import { CONNECTION_OPTIONS, CONNECTION_USAGE, parseOptions } from "../command.ts";
import { type ConnectionSource, getConnection } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { formatHealth } from "../format-health.ts";
import { getHealth } from "../health-report.ts";
import { createInOrganization } from "../in-organization.ts";

export const healthCommand: Command = {
  name: "health",
  summary: "Show what is well and what is not, and what to do about it.",
  usage: `Usage: netra health [options]
       netra health alerts on|off [--organization O] [--data-dir DIR]

Makes every check of the server and shows the worst first, each with what to do next, and the alerts that are open.
With alerts, says whether the subscriptions of an organization hear of alerts, as events netra.alert.opened and
netra.alert.closed; the database is then NETRA_ADMIN_DATABASE_URL, else that of the local server.

  --json             print what the server answered as JSON
  --health-url URL   the health function on its own             NETRA_HEALTH_URL
  --organization O   with alerts: id or slug; by default the local server's, or the only one there is

${CONNECTION_USAGE}

Exit codes: 0 nothing is critical · 1 something is, or a store is away, or the server refused · 2 wrong command line
· 3 the server is away`,
  run: runHealth,
};

async function runHealth(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, {
    ...CONNECTION_OPTIONS,
    "health-url": { type: "string" },
    organization: { type: "string" },
    json: { type: "boolean", default: false },
  });
  const source: ConnectionSource = { env: io.env, cwd: io.cwd, flags: values };
  const [action, ...words] = positionals;
  if (action === "alerts") return await setAlerts(words, values.organization, source, io);
  if (action !== undefined)
    throw new UsageError(`health takes no argument "${action}"; see netra health --help`);
  return await showHealth(source, values.json, io);
}

async function showHealth(source: ConnectionSource, asJson: boolean, io: CommandIo): Promise<number> {
  const answer = await getHealth(getConnection(source, "health"));
  if (answer.kind === "report") {
    const { report } = answer;
    io.out(asJson ? `${JSON.stringify(report)}\n` : formatHealth(report, io));
    return report.status === "critical" ? EXIT.failure : EXIT.ok;
  }
  io.err(`${io.style("err", "red", "netra:")} ${answer.reason}\n`);
  if (answer.kind === "away") return EXIT.unreachable;
  if (answer.stores !== null) {
    const { postgres, clickhouse } = answer.stores;
    io.out(
      asJson
        ? `${JSON.stringify({ status: "unknown", stores: answer.stores })}\n`
        : `PostgreSQL: ${postgres}\nClickHouse: ${clickhouse}\n`,
    );
  }
  return EXIT.failure;
}

async function setAlerts(
  words: readonly string[],
  organization: string | undefined,
  source: ConnectionSource,
  io: CommandIo,
): Promise<number> {
  const [word] = words;
  if (words.length !== 1 || (word !== "on" && word !== "off")) {
    throw new UsageError("say netra health alerts on, or off");
  }
  const isTold = word === "on";
  const inOrganization = createInOrganization(source, organization, "netra-health");
  const isNew = await inOrganization(async (sql, organizationId) => {
    const changed = await setAlertRecipient(sql, organizationId, isTold);
    if (changed) {
      await insertAuditLog(sql, {
        organizationId,
        userId: null,
        action: `alerts.${word}`,
        resourceType: "organization",
        resourceId: organizationId,
        metadata: {},
      });
    }
    return changed;
  });
  io.out(`Alerts are ${word}${isNew ? "" : ", as they were"}.\n`);
  if (isTold) io.err("Subscribe to netra.alert.* with netra subscriptions create to have them delivered.\n");
  return EXIT.ok;
}
