import { parseArgs } from "node:util";

const COMMANDS = ["up", "down", "status", "create", "dump"] as const;
type Command = (typeof COMMANDS)[number];
export type DatabaseKind = "postgres" | "clickhouse";

export interface CliArguments {
  command: Command;
  only: DatabaseKind | undefined;
  count: number | undefined;
  yes: boolean;
  json: boolean;
  /** Logins of functions that get their rights after `up`. */
  logins: readonly string[];
  /** What `create` names its files by. */
  name: string;
}

export const HELP = `Usage: npm run migrate -- <command> [options]

  up               apply what is pending: PostgreSQL first, then ClickHouse
  down             take back the newest migration of each database, after asking
  status           list every migration and whether it is applied
  create <what>    make the next numbered pair of files; needs --only
  dump             write migrations/schema.sql anew after a change of PostgreSQL migrations

  --only postgres|clickhouse   one of the two databases
  --count <n>                  at most n migrations of each database
  --login <name>               after up, let this login of PostgreSQL work as a function; may be given more than once
  --yes                        do not ask before \`down\`
  --json                       print the result as one JSON object
  --help                       print this

Addresses: NETRA_ADMIN_DATABASE_URL (a login that owns the database) and CLICKHOUSE_URL, or, when neither is set, those of
the local stack that \`npm start\` runs. An instance of Cloud SQL is INSTANCE_CONNECTION_NAME, DATABASE_USER (such a login),
DATABASE_NAME and DATABASE_PASSWORD_SECRET, where its password is in Secret Manager; without that the login is an IAM one. NETRA_CLICKHOUSE_CLUSTER names the cluster of a replicated ClickHouse.

Exit codes: 0 done, 1 failed, 2 the command was not understood or not confirmed.
`;

/** A command line that was not understood. */
export class UsageError extends Error {}

/** Reads the command line; null when help was asked for. Throws UsageError. */
export function readArguments(args: readonly string[]): CliArguments | null {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help === true || command === "help") return null;
  if (command === undefined) throw new UsageError(`A command is missing. There are: ${COMMANDS.join(", ")}`);
  if (!isCommand(command)) {
    throw new UsageError(`There is no command "${command}". There are: ${COMMANDS.join(", ")}`);
  }
  const only = values.only;
  if (only !== undefined && only !== "postgres" && only !== "clickhouse") {
    throw new UsageError(`--only takes postgres or clickhouse, not "${only}"`);
  }
  if (command === "create" && (only === undefined || rest.length === 0)) {
    throw new UsageError(
      "create needs a name and a database: npm run migrate -- create add_budgets --only postgres",
    );
  }
  if (command !== "create" && rest.length > 0) {
    throw new UsageError(`${command} takes no further words, and got "${rest.join(" ")}"`);
  }
  const logins = values.login ?? [];
  if (logins.length > 0 && (command !== "up" || only === "clickhouse")) {
    throw new UsageError("--login belongs to `up` of PostgreSQL");
  }
  return {
    command,
    only,
    count: readCount(values.count),
    yes: values.yes ?? false,
    json: values.json ?? false,
    logins,
    name: rest.join(" "),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        only: { type: "string" },
        count: { type: "string" },
        yes: { type: "boolean", short: "y" },
        json: { type: "boolean" },
        login: { type: "string", multiple: true },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function isCommand(text: string): text is Command {
  return COMMANDS.some((command) => command === text);
}

function readCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new UsageError(`--count takes a whole number from 1, not "${text}"`);
  return Number(text);
}
