import * as fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createLedger, listRecords, runImport, totalsOf } from "./ledger.ts";
import type { Line } from "./transcript-lines.ts";
import { formatLines, makePrompt, makeReply, SESSION, writeFiles } from "./transcript-lines.ts";

/** One prompt: for each of its requests the tokens and the number of lines it was written in. */
const prompts = fc.array(
  fc.array(fc.record({ output: fc.integer({ min: 1, max: 5_000 }), lines: fc.integer({ min: 1, max: 3 }) }), {
    maxLength: 4,
  }),
  { minLength: 1, maxLength: 5 },
);

function makeSession(
  sessionId: string,
  asked: readonly (readonly { output: number; lines: number }[])[],
): Line[] {
  const lines: Line[] = [];
  let seconds = 0;
  for (const [number, requests] of asked.entries()) {
    const key = `${sessionId}-${number}`;
    lines.push(makePrompt(`p-${key}`, (seconds += 10), "do it", { sessionId }));
    for (const [index, { output, lines: count }] of requests.entries()) {
      for (let part = 1; part <= count; part += 1) {
        const partial = part === count ? output : Math.min(part, output);
        const reply = { message: `m-${key}-${index}`, output: partial, read: 7 };
        lines.push(makeReply(`a-${key}-${index}-${part}`, (seconds += 1), reply, { sessionId }));
      }
    }
  }
  return lines;
}

type Files = Record<string, readonly Line[]>;

async function importFiles(files: Files) {
  const folder = await mkdtemp(join(tmpdir(), "netra-import-"));
  try {
    const written = Object.entries(files).map(([name, lines]) => [`projects/p/${name}`, formatLines(lines)]);
    await writeFiles(folder, Object.fromEntries(written));
    const ledger = createLedger();
    await runImport(folder, ledger);
    return ledger;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const OTHER = "22222222-2222-4222-8222-222222222222";
const FORK = "00000000-3333-4333-8333-333333333333";

it("gives the same records whatever copies of a conversation there are, in whatever files and order", async () => {
  await fc.assert(
    fc.asyncProperty(
      prompts,
      prompts,
      fc.record({
        forkAt: fc.nat(40),
        keepSession: fc.boolean(),
        repeats: fc.array(fc.nat(40), { maxLength: 6 }),
        replays: fc.array(fc.nat(40), { maxLength: 4 }),
        names: fc.constantFrom<[string, string]>(["zz", "aa"], ["aa", "zz"]),
      }),
      async (first, second, { forkAt, keepSession, repeats, replays, names }) => {
        const main = makeSession(SESSION, first);
        const other = makeSession(OTHER, second);
        const plain = await importFiles({ [`${SESSION}.jsonl`]: main, [`${OTHER}.jsonl`]: other });

        const fork = main.slice(0, forkAt).map((line) => (keepSession ? line : { ...line, sessionId: FORK }));
        const repeated = repeats.flatMap((index) =>
          main.slice(index % main.length, (index % main.length) + 1),
        );
        const replayed = replays.flatMap((index): Line[] => {
          const line = main[index % main.length];
          if (line?.["type"] !== "assistant") return [];
          return [{ ...line, isSidechain: true, requestId: `req_replay_${index}`, uuid: `replay-${index}` }];
        });
        const copied = await importFiles({
          [`${names[0]}/${FORK}.jsonl`]: fork,
          [`${names[1]}/${SESSION}.jsonl`]: [...main, ...repeated],
          [`${names[0]}/${OTHER}.jsonl`]: other,
          [`${names[1]}/${SESSION}/subagents/agent-btw.jsonl`]: replayed,
        });
        expect(totalsOf(copied)).toEqual(totalsOf(plain));
        const shape = (ledger: typeof plain) =>
          listRecords(ledger).map(({ id, requests }) => ({
            id,
            requests: requests?.map((one) => [one.id, one.usage]),
          }));
        expect(shape(copied)).toEqual(shape(plain));
      },
    ),
    { numRuns: 60 },
  );
});

it("adds up the best line of each request", async () => {
  await fc.assert(
    fc.asyncProperty(prompts, async (asked) => {
      const ledger = await importFiles({ [`${SESSION}.jsonl`]: makeSession(SESSION, asked) });
      const requests = asked.flat();
      expect(totalsOf(ledger)).toMatchObject({
        requests: requests.length,
        output_tokens: requests.reduce((sum, one) => sum + one.output, 0),
        cache_read_tokens: requests.length * 7,
      });
      expect(listRecords(ledger).map((one) => one.requests?.length)).toEqual(asked.map((one) => one.length));
    }),
    { numRuns: 40 },
  );
});
