import { findWebhooksUrl } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { createSource, describeCreated } from "./create-source.ts";
import { readWantedSource } from "./read-wanted-source.ts";
import type { SourceCall } from "./source-options.ts";
import { readNewSecret } from "./source-secret.ts";

/** `netra sources create` */
export async function runCreate({ values, name, source, io, inOrganization }: SourceCall): Promise<number> {
  if (name !== undefined) throw new UsageError(`too many arguments: ${name} (--name gives the name)`);
  const wanted = readWantedSource(values);
  const webhooksUrl = findWebhooksUrl(source);
  const secret = await readNewSecret(source, io, {
    ...wanted,
    secretRef: values["secret-ref"],
    fromStdin: values["secret-stdin"],
    mayWait: true,
  });
  const created = await inOrganization(
    async (sql, organizationId) =>
      await createSource(sql, organizationId, { ...wanted, secret, webhooksUrl }),
  );
  if (values.json) {
    io.out(`${JSON.stringify({ source: created })}\n`);
    return EXIT.ok;
  }
  io.out(`${created.address}\n${created.secret === null ? "" : `${created.secret}\n`}`);
  io.err(describeCreated(created, webhooksUrl !== null));
  return EXIT.ok;
}
