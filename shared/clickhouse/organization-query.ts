import type { ClickHouse } from "./client.ts";
import { answerOf } from "./outage.ts";
import { type Groups, readGroups, readRows } from "./read-rows.ts";

export interface OrganizationQuery {
  /** A select that restricts every table it reads by `organization_id = {organization_id:UUID}`. */
  query: string;
  /** Values of its other `{name:Type}` parameters. */
  params?: Readonly<Record<string, string | number>>;
  signal?: AbortSignal;
  /** Server-side deadline in seconds; 30 by default. */
  maxSeconds?: number;
}

const ORGANIZATION_PARAMETER = /\{\s*organization_id\s*:\s*UUID\s*\}/;
const COMMENTS = /--[^\n]*|\/\*[\s\S]*?\*\//g;

/**
 * Runs a select for one organization and returns its rows. Refuses a statement that does not use the organization's
 * parameter: every read of tenant data goes through here. Where the server has row policies (see migrations/clickhouse),
 * it is told the organization too, so that a mistake in the statement shows nothing of another one.
 */
export async function queryForOrganization<Row>(
  client: ClickHouse,
  organizationId: string,
  question: OrganizationQuery,
): Promise<Row[]> {
  const parameters = await parametersOf(client, organizationId, question);
  return answerOf(async () => {
    const result = await client.query({ ...parameters, format: "JSONEachRow" });
    return readRows<Row>(result, question.signal);
  });
}

/** The same for a select of one level that says `with totals` and has an order and a limit. */
export async function queryGroupsForOrganization<Row>(
  client: ClickHouse,
  organizationId: string,
  question: OrganizationQuery,
): Promise<Groups<Row>> {
  const parameters = await parametersOf(client, organizationId, question);
  return answerOf(async () => {
    const result = await client.query({ ...parameters, format: "JSONEachRowWithProgress" });
    return readGroups<Row>(result, question.signal);
  });
}

async function parametersOf(
  client: ClickHouse,
  organizationId: string,
  { query, params, signal, maxSeconds = 30 }: OrganizationQuery,
) {
  if (!ORGANIZATION_PARAMETER.test(query.replaceAll(COMMENTS, " "))) {
    throw new Error(
      "A query of tenant data must restrict itself by organization_id = {organization_id:UUID}",
    );
  }
  const rowPolicies = await hasRowPolicies(client);
  return {
    query,
    query_params: { ...params, organization_id: organizationId },
    use_multipart_params_auto: true,
    ...(signal ? { abort_signal: signal } : {}),
    clickhouse_settings: {
      max_execution_time: maxSeconds,
      cancel_http_readonly_queries_on_client_close: 1 as const,
      ...(rowPolicies ? { SQL_organization_id: organizationId } : {}),
    },
  };
}

const rowPoliciesOf = new WeakMap<ClickHouse, Promise<boolean>>();

/**
 * Whether the policy's setting may be sent: a server without access control refuses it as unknown. A user who may not see
 * the policies counts as having none, which is the safe side: with policies and without the setting, no row is visible.
 */
async function hasRowPolicies(client: ClickHouse): Promise<boolean> {
  const known = rowPoliciesOf.get(client);
  if (known) return known;
  const found = answerOf(async () => {
    const result = await client.query({
      query: "select count() > 0 as present from system.row_policies where database = currentDatabase()",
      format: "JSONEachRow",
    });
    return result.json<{ present: number }>();
  })
    .then((rows) => rows[0]?.present === 1)
    .catch((error: unknown) => {
      if (isAccessDenied(error)) return false;
      rowPoliciesOf.delete(client);
      throw error;
    });
  rowPoliciesOf.set(client, found);
  return found;
}

function isAccessDenied(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "497";
}
