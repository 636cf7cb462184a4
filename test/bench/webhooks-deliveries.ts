import { createHmac, randomUUID } from "node:crypto";
import examples from "@octokit/webhooks-examples" with { type: "json" };
import { z } from "zod";

/** Deliveries as GitHub sends them, each signed, with a name and a body of its own. */
export interface Deliveries {
  bodies: Buffer[];
  guids: string[];
  headersOf: (index: number) => Record<string, string>;
}

interface Template {
  event: string;
  /** The body without its opening brace. */
  rest: string;
}

const MEDIAN_BYTES = 10_000;
const corpus = z.array(z.object({ name: z.string(), examples: z.array(z.record(z.string(), z.unknown())) }));

/** Real payloads of every kind, the smallest left out until half of the rest are of 10 kB and more. */
export function makeTemplates(): Template[] {
  const templates = corpus
    .parse(examples)
    .flatMap(({ name, examples: payloads }) =>
      payloads.map((payload) => ({ event: name, rest: JSON.stringify(payload).slice(1) })),
    )
    .sort((a, b) => b.rest.length - a.rest.length);
  const largerThanMedian = templates.filter(({ rest }) => rest.length >= MEDIAN_BYTES).length;
  return templates.slice(0, 2 * largerThanMedian);
}

export function makeDeliveries(templates: readonly Template[], secret: string, count: number): Deliveries {
  const guids = Array.from({ length: count }, () => randomUUID());
  const chosen = guids.map((_, index) => {
    // A stride that shares no factor with the length visits every template and mixes large and small.
    const template = templates[(index * 101) % templates.length];
    if (template === undefined) throw new Error("there are no templates");
    return template;
  });
  const bodies = chosen.map(({ rest }, index) => Buffer.from(`{"bench_delivery":"${guids[index]}",${rest}`));
  const headers = bodies.map((body, index) => ({
    "x-github-event": chosen[index]?.event ?? "",
    "x-github-delivery": guids[index] ?? "",
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  }));
  return { bodies, guids, headersOf: (index) => headers[index] ?? {} };
}

export const GITHUB_HEADERS = {
  "content-type": "application/json",
  "user-agent": "GitHub-Hookshot/bench",
  "x-github-hook-id": "1",
} as const;
