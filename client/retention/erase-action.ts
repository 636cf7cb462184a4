import { createInterface } from "node:readline/promises";
import { once } from "node:events";
import { findOrganization } from "../../shared/postgres/organizations.ts";
import { eraseOrganization } from "../../shared/retention/erase-organization.ts";
import { withDatabase } from "../admin-database.ts";
import type { CommandIo } from "../command.ts";
import { wholeNumber } from "../command.ts";
import { getAdminDatabaseUrl } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { describeErasure } from "./describe-retention.ts";
import type { RetentionCall } from "./retention-options.ts";
import { withTools } from "./with-tools.ts";

/** A little longer than the functions remember a key. */
const KEYS_KNOWN_S = 65;
const RELAY_MS = 150_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `netra retention erase` */
export async function runEraseAction(call: RetentionCall): Promise<number> {
  const { values, io, source } = call;
  const wanted = values.organization;
  // Never the only one there is: who erases says whom.
  if (wanted === undefined) throw new UsageError("say whom to erase with --organization");
  const waitSeconds = wholeNumber("wait-seconds", values["wait-seconds"], { min: 0, max: 3_600 });
  const found = await withDatabase(getAdminDatabaseUrl(source), "netra-retention", (sql) =>
    findOrganization(sql, wanted),
  );
  // One whose own row is gone, but of which an erasure was cut off, is named by its id.
  const organizationId = found?.id ?? (UUID.test(wanted) ? wanted : null);
  if (organizationId === null) throw new UsageError(`there is no organization "${wanted}"`);
  if (!values.yes && !(await isConfirmed(io, found?.slug ?? organizationId))) return EXIT.failure;
  const seconds = waitSeconds ?? KEYS_KNOWN_S;
  if (!values.json && seconds > 0)
    io.err(`keys are revoked; waiting ${seconds} s until no function knows them any more\n`);
  const outcome = await withTools(call, (tools) =>
    eraseOrganization(tools, { organizationId, keysKnownMs: seconds * 1_000, relayMs: RELAY_MS }),
  );
  io.out(values.json ? `${JSON.stringify(outcome)}\n` : describeErasure(outcome));
  return outcome.is_done ? EXIT.ok : EXIT.failure;
}

async function isConfirmed(io: CommandIo, name: string): Promise<boolean> {
  if (!io.errIsTerminal || !io.outIsTerminal) {
    throw new UsageError(`everything of ${name} would be erased for good: add --yes`);
  }
  io.err(`Everything of ${name} is erased for good, from both databases and all archives.\n`);
  const lines = createInterface({ input: io.stdin ?? process.stdin, output: io.stderr });
  try {
    const ended = once(lines, "close").then(() => "");
    const answer = await Promise.race([lines.question(`Type ${name} to go on: `), ended]);
    if (answer.trim() === name) return true;
    io.err("netra: that is not its name; nothing was erased\n");
    return false;
  } finally {
    lines.close();
  }
}
