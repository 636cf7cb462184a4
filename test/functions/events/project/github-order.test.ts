import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectGithub } from "../../../../functions/events/project/github.ts";
import type { ClaimedEvent } from "../../../../functions/events/projection.ts";
import {
  claimGithubDelivery,
  type GithubDelivery,
  makeGithubPullRequest,
  makeGithubPush,
  makeGithubSequence,
  shaOf,
} from "../../../helpers/github-events.ts";
import {
  createProjectedDatabase,
  joinProjectedRows,
  type ProjectedDatabase,
} from "../../../helpers/projected-database.ts";

/** What this file guards: a change's events end in the same tables in every order, with repeats, in batches of any size. */
const receivedAt = Date.now();
let database: ProjectedDatabase;
beforeAll(async () => {
  database = await createProjectedDatabase([receivedAt]);
});
afterAll(() => database.close());

/** The events of a sequence, each with an id of its own that stays the same in every order. */
function claim(deliveries: readonly GithubDelivery[]): ClaimedEvent[] {
  return deliveries.map((delivery) => claimGithubDelivery(delivery, { receivedAt }));
}

function project(organizationId: string, events: readonly ClaimedEvent[]) {
  return joinProjectedRows(
    events.map((event) => projectGithub({ ...event, organizationId }, JSON.parse(event.body ?? "null")).rows),
  );
}

/** An organization's tables after the events in this order; ids made of the organization's are named by what they are of. */
async function endOf(batches: readonly (readonly ClaimedEvent[])[], atOnce = false): Promise<unknown> {
  const organizationId = await database.newOrganization();
  const writes = batches.map(
    (events) => () => database.write(organizationId, project(organizationId, events)),
  );
  if (atOnce) await Promise.all(writes.map((write) => write()));
  else for (const write of writes) await write();
  const tables = await database.storedAll(organizationId);
  const repositoryId = String(tables["repositories"]?.[0]?.["id"]);
  const named = JSON.stringify(tables).replaceAll(repositoryId, "<repository>");
  return sortedTables(JSON.parse(named) as Record<string, unknown[]>);
}

function sortedTables(tables: Record<string, unknown[]>): Record<string, unknown[]> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, rows]) => [
      name,
      rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    ]),
  );
}

describe("a change's events", () => {
  it("in the order they happened end in the state they tell", async () => {
    expect(await endOf(claim(makeGithubSequence()).map((event) => [event]))).toMatchObject({
      repositories: [{ full_name: "acme/store", name: "store", deleted_at: null }],
      repository_branches: [
        { name: "main", head_sha: shaOf("Merge cards"), head_author: "ana", commit_count: 3 },
        { name: "cards", head_sha: null, deleted_at: expect.any(String) },
        { name: "release", head_sha: shaOf("Merge cards"), deleted_at: null },
      ],
      tracked_items: expect.arrayContaining([
        expect.objectContaining({ kind: "pull_request", state: "merged", merge_sha: shaOf("Merge cards") }),
        expect.objectContaining({ kind: "check_run", state: "completed", conclusion: "success" }),
        expect.objectContaining({ kind: "workflow_run", state: "completed", conclusion: "success" }),
      ]),
      deployment_records: expect.arrayContaining([
        expect.objectContaining({ external_id: "901", state: "failure" }),
        expect.objectContaining({ external_id: "902", state: "success" }),
      ]),
      repository_commits: Array.from({ length: 5 }, () => ({ author: "ana" })),
      github_events: Array.from({ length: makeGithubSequence().length }, () => ({ sender: "ana" })),
      deployment_events: Array.from({ length: 9 }, () => ({ provider: "github" })),
    });
  });

  it("in any order, repeated, and in batches of any size end in the same tables", async () => {
    const sequence = claim(makeGithubSequence());
    const expected = await endOf(sequence.map((event) => [event]));
    const places = fc.shuffledSubarray(
      Array.from({ length: sequence.length * 2 }, (_, index) => index % sequence.length),
      { minLength: sequence.length * 2 },
    );
    await fc.assert(
      fc.asyncProperty(
        places,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 60, maxLength: 60 }),
        async (order, sizes) => {
          const batches: ClaimedEvent[][] = [];
          for (let start = 0; start < order.length;) {
            const size = sizes[batches.length] ?? 1;
            batches.push(order.slice(start, start + size).flatMap((place) => sequence[place] ?? []));
            start += size;
          }
          expect(await endOf(batches)).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("in opposite orders at the same time neither lock each other up nor end otherwise", async () => {
    const sequence = claim(makeGithubSequence());
    const expected = await endOf([sequence]);
    for (let round = 0; round < 5; round += 1) {
      const half = sequence.length / 2;
      const batches = [
        sequence,
        sequence.toReversed(),
        sequence.slice(half).concat(sequence.slice(0, half)),
        sequence.slice(half),
      ];
      expect(await endOf(batches, true)).toEqual(expected);
    }
  });

  it("of one second keep what came last: the younger commit, the closed pull request", async () => {
    const events = claim([
      makeGithubPush({ second: 3, committed: 2, commits: ["older"] }),
      makeGithubPush({ second: 3, committed: 3, commits: ["younger"] }),
      makeGithubPullRequest("opened", 3),
      makeGithubPullRequest("closed", 3, { state: "closed" }),
      makeGithubPullRequest("synchronize", 3),
    ]);
    for (const order of [events, events.toReversed()]) {
      expect(await endOf(order.map((event) => [event]))).toMatchObject({
        repository_branches: [{ head_sha: shaOf("younger") }],
        tracked_items: [{ state: "closed" }],
      });
    }
  });
});
