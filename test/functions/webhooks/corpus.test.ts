import { createRequire } from "node:module";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Delivered,
  deliver,
  signGithub,
  signLinear,
  signSlack,
  signVercel,
  startWebhooks,
  type Webhooks,
} from "../../helpers/webhooks.ts";

/** What this file guards: real payloads of the senders are taken, each under its own type, and none as a replay. */
const SECRET = "a secret of this test";
const SHARED = fileURLToPath(new URL("../../../../shared/data/webhooks", import.meta.url));

let webhooks: Webhooks;
beforeAll(async () => {
  webhooks = await startWebhooks();
});
afterAll(() => webhooks.close());

interface Example {
  name: string;
  examples: Record<string, unknown>[];
}

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** The samples of one sender beside this repository, as text by file. */
function samplesOf(sender: string): [string, string][] {
  const folder = `${SHARED}/${sender}`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => [file, readFileSync(`${folder}/${file}`, "utf8")]);
}

describe("payloads of GitHub's own examples", () => {
  it("are all taken, and only equal ones are replays", async () => {
    const examples = createRequire(import.meta.url)("@octokit/webhooks-examples") as Example[];
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const bodies = examples.flatMap(({ name, examples: payloads }) =>
      payloads.map((payload) => ({ name, body: JSON.stringify(payload) })),
    );
    const outcomes: string[] = [];
    for (const { name, body } of bodies) {
      const answer = await deliver(source.url, body, signGithub(SECRET, body, { event: name }));
      outcomes.push(answer.body.outcome ?? String(answer.status));
    }
    const different = new Set(bodies.map(({ body }) => body)).size;
    expect(bodies.length).toBeGreaterThan(300);
    expect(count(outcomes)).toEqual(
      different === bodies.length
        ? { accepted: different }
        : { accepted: different, ignored: bodies.length - different },
    );
  });
});

describe.skipIf(!existsSync(SHARED))(
  "payloads collected beside this repository (skipped without them)",
  () => {
    it("of GitHub, Slack, Linear and Vercel are all taken", async () => {
      const send = {
        github: (url: string, body: string) => deliver(url, body, signGithub(SECRET, body)),
        slack: (url: string, body: string) => deliver(url, body, signSlack(SECRET, body)),
        linear: (url: string, sample: string) => {
          // Samples were sent long ago.
          const body = JSON.stringify({
            ...(JSON.parse(sample) as object),
            webhookTimestamp: Date.now(),
          });
          return deliver(url, body, signLinear(SECRET, body));
        },
        vercel: (url: string, body: string) => deliver(url, body, signVercel(SECRET, body)),
      } satisfies Record<string, (url: string, body: string) => Promise<Delivered>>;
      for (const kind of ["github", "slack", "linear", "vercel"] as const) {
        const source = await webhooks.createSource({ kind, secrets: [SECRET] });
        const others: string[] = [];
        // Some samples are copies of others under another name.
        const bodies = new Map(samplesOf(kind).map(([file, body]) => [body, file]));
        for (const [body, file] of bodies) {
          const answer = await send[kind](source.url, body);
          if (answer.body.outcome !== "accepted") others.push(`${file} ${answer.status} ${answer.text}`);
        }
        expect({ kind, others }).toEqual({ kind, others: [] });
      }
    });
  },
);
