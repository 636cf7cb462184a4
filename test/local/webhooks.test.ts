import { afterEach, expect, it, vi } from "vitest";
import {
  describeDeployment,
  describeDeploymentStatus,
  describePush,
  withSurroundings,
} from "../../local/demo-github.ts";
import { getRepository } from "../../local/demo-team.ts";
import { asOwner } from "../helpers/tenant.ts";
import { createGithubSource, sendGithub } from "./send-github.ts";
import { endAllRuns, end, newFolder, readConnection, READY_MS, start, untilReady } from "./started-runs.ts";

vi.setConfig({ testTimeout: 4 * READY_MS });

const POLL = { timeout: READY_MS, interval: 50 };
const BEGAN = Date.parse("2026-11-01T08:00:00Z");
const repository = getRepository("northwind-harbor/checkout-api");
const creator = "harbor-deploy[bot]";

interface Webhook {
  event: string;
  body: unknown;
}

function sha(n: number): string {
  return n.toString(16).padStart(40, "a");
}

/** Thirty pushes to five branches; number 29 is the last of `change/4`. */
function pushes(): Webhook[] {
  return Array.from({ length: 30 }, (_, n) => {
    const at = BEGAN + n * 60_000;
    const commits = [{ id: sha(n), message: `Commit ${n}`, at }];
    const push = { repository, branch: `change/${n % 5}`, before: null, commits, author: "amara" };
    return { event: "push", body: withSurroundings(repository, "amara", at, describePush(push)) };
  });
}

/** Five deployments, each with its three states; odd ones fail. */
function deployments(): Webhook[] {
  return Array.from({ length: 5 }, (_, n) => {
    const at = BEGAN + n * 3_600_000;
    const deployment = describeDeployment({
      repository,
      sha: sha(n),
      ref: "main",
      environment: `stage-${n}`,
      creator,
      at,
    });
    const states = ["in_progress", n % 2 === 0 ? "success" : "failure"];
    return [
      {
        event: "deployment",
        body: withSurroundings(repository, creator, at, { action: "created", deployment }),
      },
      ...states.map((state, index) => {
        const stateAt = at + (index + 1) * 60_000;
        const status = { deployment, state, creator, at: stateAt, url: null };
        const body = { action: "created", deployment, deployment_status: describeDeploymentStatus(status) };
        return { event: "deployment_status", body: withSurroundings(repository, creator, stateAt, body) };
      }),
    ];
  }).flat();
}

afterEach(endAllRuns);

it("takes fifty signed webhooks at once, out of order, and ends with the right branches and deployments", async () => {
  const folder = await newFolder();
  const run = start(["--port", "0", "--no-demo", "--data-dir", folder]);
  await untilReady(run);
  const { url, adminDatabaseUrl } = await readConnection(folder);
  const source = await createGithubSource(folder);

  const stars = Array.from({ length: 5 }, (_, n) => ({
    event: "watch",
    body: withSurroundings(repository, "amara", BEGAN + n * 1_000, { action: "started" }),
  }));
  const webhooks = [...pushes(), ...deployments(), ...stars].toReversed();
  expect(webhooks).toHaveLength(50);
  const answers = await Promise.all(webhooks.map(({ event, body }) => sendGithub(source, event, body)));
  expect(answers.filter((status) => status >= 300)).toEqual([]);

  await asOwner(adminDatabaseUrl, async (sql) => {
    const counts = async (): Promise<unknown> =>
      (await sql.query("select status, count(*)::integer from events group by 1")).rows;
    await expect.poll(counts, POLL).toEqual([{ status: "processed", count: 50 }]);
    const branches = await sql.query("select name, head_sha from repository_branches order by name");
    expect(branches.rows).toEqual(
      [25, 26, 27, 28, 29].map((n) => ({ name: `change/${n % 5}`, head_sha: sha(n) })),
    );
    const records = await sql.query("select environment, state from deployment_records order by environment");
    expect(records.rows).toEqual(
      [0, 1, 2, 3, 4].map((n) => ({
        environment: `stage-${n}`,
        state: n % 2 === 0 ? "success" : "failure",
      })),
    );
  });
  // Nobody can push without a token of the stack's own.
  const forged = await fetch(`${url}/events/push`, { method: "POST", body: "{}" });
  expect(forged.status).toBe(401);
  expect(await end(run, "SIGTERM")).toBe(0);
});
