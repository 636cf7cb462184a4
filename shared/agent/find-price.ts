import { PRICES, REGIONAL_PERCENT, type PriceRow } from "./prices.ts";

export interface Price extends PriceRow {
  /** What the platform charges relative to the list price: 100, or 110 on a regional endpoint. */
  readonly platformPercent: bigint;
}

export type FindPrice = (model: string, timestamp: string) => Price | null;

interface Dated {
  readonly price: Price;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Amazon Bedrock: `[<profile>.]anthropic.<model>-v<n>[:<n>]`. The `global.` profile is billed at list price; any other
 * form is a regional endpoint.
 */
const BEDROCK =
  /^(?:(global|us|eu|apac|jp|au|us-gov)\.)?anthropic\.(claude-[a-z0-9-]{1,60})-v\d{1,2}(?::\d{1,2})?$/;
/** Google Vertex AI: `<model>@<date>`. The name does not say which endpoint was called. */
const VERTEX = /^(claude-[a-z0-9-]{1,60})@(\d{8})$/;

/** The look-up over a price table; the table is indexed once. Rows of one model must not overlap in time. */
export function priceFinder(table: readonly PriceRow[]): FindPrice {
  const byName = new Map<string, Dated[]>();
  for (const row of table) {
    const dated: Dated = {
      price: { ...row, platformPercent: 100n },
      fromMs: row.validFrom === null ? -Infinity : Date.parse(row.validFrom),
      toMs: row.validTo === null ? Infinity : Date.parse(row.validTo),
    };
    for (const name of [row.model, ...row.aliases]) byName.set(name, [...(byName.get(name) ?? []), dated]);
  }

  const byDate = (name: string, timestamp: string): Price | null => {
    const rows = byName.get(name);
    if (rows === undefined) return null;
    const [only] = rows;
    if (rows.length === 1 && only !== undefined && only.fromMs === -Infinity && only.toMs === Infinity) {
      return only.price;
    }
    const at = Date.parse(timestamp);
    return rows.find(({ fromMs, toMs }) => at >= fromMs && at < toMs)?.price ?? null;
  };

  return (model, timestamp) => byDate(model, timestamp) ?? onPlatform(model, timestamp, byDate);
}

function onPlatform(model: string, timestamp: string, byDate: FindPrice): Price | null {
  const bedrock = BEDROCK.exec(model);
  if (bedrock !== null) {
    const price = byDate(bedrock[2] ?? "", timestamp);
    const premium = bedrock[1] !== "global" && price?.regionalPremium === true;
    return price === null || !premium ? price : { ...price, platformPercent: REGIONAL_PERCENT };
  }
  const vertex = VERTEX.exec(model);
  if (vertex === null) return null;
  const price = byDate(`${vertex[1]}-${vertex[2]}`, timestamp);
  // A Vertex name fits a global and a dearer regional endpoint alike: with two possible prices there is none.
  return price?.regionalPremium === true ? null : price;
}

/**
 * The price of a model at a moment (RFC 3339), or null when the table has none. Only an exact name or a written-out
 * alias matches: a new model is unpriced until someone has read its price.
 */
export const findPrice: FindPrice = priceFinder(PRICES);
