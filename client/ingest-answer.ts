import { z } from "zod";

/** What the ingest function answers; `index` counts from 0 over the records that were handed to the sender. */
const ingestAnswer = z.object({
  accepted: z.int().min(0),
  duplicates: z.int().min(0),
  updated: z.int().min(0).default(0),
  rejected: z
    .array(
      z.object({
        index: z.int().min(0),
        id: z.string().nullish(),
        errors: z.array(z.object({ pointer: z.string(), detail: z.string() })),
      }),
    )
    .default([]),
  warnings: z
    .array(
      z.object({ index: z.int().min(0), id: z.string().nullish(), pointer: z.string(), detail: z.string() }),
    )
    .default([]),
});
export type IngestAnswer = z.output<typeof ingestAnswer>;
export type RejectedRecord = IngestAnswer["rejected"][number];

export const NOTHING_SENT: Readonly<IngestAnswer> = Object.freeze({
  accepted: 0,
  duplicates: 0,
  updated: 0,
  rejected: [],
  warnings: [],
});

/** Reads an answer's body; null when it is not one of the ingest function's. */
export function parseIngestAnswer(body: unknown): IngestAnswer | null {
  const parsed = ingestAnswer.safeParse(body);
  return parsed.success ? parsed.data : null;
}

/** Adds the answer of a later part, whose first record was the `offset`th. */
export function addAnswer(sum: IngestAnswer, part: IngestAnswer, offset: number): IngestAnswer {
  const moved = <T extends { index: number }>(one: T): T => ({ ...one, index: one.index + offset });
  return {
    accepted: sum.accepted + part.accepted,
    duplicates: sum.duplicates + part.duplicates,
    updated: sum.updated + part.updated,
    rejected: [...sum.rejected, ...part.rejected.map(moved)],
    warnings: [...sum.warnings, ...part.warnings.map(moved)],
  };
}
