import type { InsightRange } from "../../../shared/insight-cells.ts";
import { countEnded } from "../../../shared/postgres/insight-count.ts";
import { prepareAddingUp } from "../../../shared/postgres/insight-values.ts";
import type { Reader } from "../../../shared/postgres/replicas.ts";
import type { CopiedFacts, Source, Sources } from "../sources.ts";
import { collectFacts, type Facts, TIERED_MODELS } from "./facts.ts";
import { TOLERANCE } from "./price-tolerance.ts";

/** Where facts are read. Without a copy, or with few executions, all of them come from the ledger. */
export interface FactStores {
  reader: Pick<Reader, "read">;
  copiedFacts?: Sources["copiedFacts"] | undefined;
  /** How many executions the ledger adds up itself: it has everything at once, and takes about four times the work. */
  ledgerMax?: number | undefined;
}

export interface ReadFacts {
  facts: Facts;
  source: Source;
  /** Executions of the range that the analytics copy did not have yet. */
  lacking: number;
}

const LEDGER_MAX = 50_000;
/** The copy serves while it is not apart from the ledger by more than one execution in so many. */
const APART_MAX = 100;

/**
 * Reads what an analysis is made of. A large range is added up by the analytics copy, if it can be reached and has as many
 * executions as the ledger has, or nearly; what that copy does not hold, and everything otherwise, comes from the ledger.
 */
export async function readFacts(
  { reader, copiedFacts, ledgerMax = LEDGER_MAX }: FactStores,
  organizationId: string,
  range: InsightRange,
): Promise<ReadFacts> {
  const collect = (copied: CopiedFacts | null): Promise<Facts> =>
    reader.read(organizationId, (sql) => collectFacts(sql, organizationId, range, copied));
  const fromLedger = async (): Promise<ReadFacts> => ({
    facts: await collect(null),
    source: "ledger",
    lacking: 0,
  });
  if (copiedFacts === undefined) return fromLedger();
  const ended = await reader.read(organizationId, async (sql) =>
    countEnded(await prepareAddingUp(sql), organizationId, range),
  );
  if (ended <= ledgerMax) return fromLedger();
  const copied = await copiedFacts(organizationId, range, {
    tolerance: TOLERANCE,
    tieredModels: TIERED_MODELS,
  });
  if (copied === null || Math.abs(ended - copied.cells.executions) > ended / APART_MAX) return fromLedger();
  return {
    facts: await collect(copied),
    source: "analytics",
    lacking: Math.max(0, ended - copied.cells.executions),
  };
}
