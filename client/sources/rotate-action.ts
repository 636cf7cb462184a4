import { findListedSource } from "../../shared/postgres/event-sources.ts";
import { wholeNumber } from "../command.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { describeRotated } from "./describe-sources.ts";
import { rotateSource } from "./rotate-source.ts";
import type { SourceCall } from "./source-options.ts";
import { needName, noSuchSource } from "./source-options.ts";
import { readNewSecret } from "./source-secret.ts";

const HOUR_MS = 3_600_000;

/** `netra sources rotate` */
export async function runRotate({ values, name, source, io, inOrganization }: SourceCall): Promise<number> {
  const wanted = needName("rotate", name);
  const hours = wholeNumber("overlap-hours", values["overlap-hours"], { min: 0, max: 8_760 }) ?? 24;
  const outcome = await inOrganization(async (sql, organizationId) => {
    const found = await findListedSource(sql, organizationId, wanted);
    if (found === null) return null;
    const secret = await readNewSecret(source, io, {
      kind: found.kind,
      config: found.config,
      secretRef: values["secret-ref"],
      fromStdin: values["secret-stdin"],
      mayWait: false,
    });
    if (secret === null) throw new UsageError(`${found.kind} has no secret to rotate`);
    const now = new Date();
    return await rotateSource(sql, found, secret, {
      now,
      notAfter: new Date(now.getTime() + hours * HOUR_MS),
    });
  });
  if (outcome === null) return noSuchSource(wanted, io);
  if (values.json) {
    io.out(`${JSON.stringify({ rotated: outcome })}\n`);
    return EXIT.ok;
  }
  io.out(`${outcome.secret ?? outcome.secret_reference}\n`);
  io.err(describeRotated(outcome, Date.now()));
  if (outcome.secret !== null) io.err("Give the new secret to the sender now; it is not shown again.\n");
  return EXIT.ok;
}
