import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectCloudBuild } from "../../../../functions/events/project/cloud-build.ts";
import { projectCloudDeploy } from "../../../../functions/events/project/cloud-deploy.ts";
import { entityId } from "../../../../functions/events/project/entity-id.ts";
import { projectVercel } from "../../../../functions/events/project/vercel.ts";
import type { ClaimedEvent } from "../../../../functions/events/projection.ts";
import type { Json, JsonObject } from "../../../../shared/event-payload.ts";
import { makeClaimedEvent } from "../../../helpers/github-events.ts";
import { createProjectedDatabase, type ProjectedDatabase } from "../../../helpers/projected-database.ts";

/** What this file guards: deployments of every provider end in the state they reached, in every order of their events. */
const receivedAt = Date.now();
let database: ProjectedDatabase;
beforeAll(async () => {
  database = await createProjectedDatabase([receivedAt]);
});
afterAll(() => database.close());

const organizationId = randomUUID();
const moment = (second: number): string => new Date(Date.UTC(2026, 10, 2, 9, 0, second)).toISOString();

function makeEvent(
  source: "vercel" | "cloud-build" | "cloud-deploy",
  type: string,
  payload: Json,
): ClaimedEvent {
  return makeClaimedEvent(payload, { source, eventType: `${source}.${type}`, organizationId, receivedAt });
}

function projectAny(event: ClaimedEvent) {
  const payload = JSON.parse(event.body ?? "null") as Json;
  if (event.source === "vercel") return projectVercel(event, payload);
  return event.source === "cloud-build"
    ? projectCloudBuild(event, payload)
    : projectCloudDeploy(event, payload);
}

function makeVercel(type: string, second: number, partial: JsonObject = {}): ClaimedEvent {
  return makeEvent("vercel", type, {
    id: randomUUID(),
    type,
    createdAt: Date.parse(moment(second)),
    region: "fra1",
    payload: {
      user: { id: "u-1" },
      team: { id: "t-1" },
      deployment: {
        id: "dpl_1",
        name: "shop",
        url: "shop-1.vercel.example",
        inspectorUrl: "https://vercel.example/acme/shop/1",
        meta: {
          githubOrg: "acme",
          githubRepo: "shop",
          githubRepoId: "700000001",
          githubCommitSha: "abc",
          githubCommitRef: "main",
          githubCommitAuthorLogin: "ana",
        },
      },
      project: { id: "prj_1" },
      target: "production",
      ...partial,
    },
  });
}

function makeBuild(status: string, times: JsonObject, partial: JsonObject = {}): ClaimedEvent {
  return makeEvent("cloud-build", status.toLowerCase(), {
    attributes: { buildId: "build-1", status },
    message_id: "1",
    publish_time: moment(59),
    data: {
      id: "build-1",
      status,
      projectId: "acme-prod",
      logUrl: "https://logs.example/1",
      substitutions: {
        REPO_FULL_NAME: "acme/shop",
        COMMIT_SHA: "abc",
        BRANCH_NAME: "main",
        TRIGGER_NAME: "deploy",
      },
      ...times,
      ...partial,
    },
  });
}

function makeRollout(action: string, second: number, attributes: JsonObject = {}): ClaimedEvent {
  return makeEvent("cloud-deploy", "rollout", {
    attributes: {
      Action: action,
      Resource: "projects/1/x",
      ResourceType: "Rollout",
      DeliveryPipelineId: "shop",
      ReleaseId: "r-7",
      RolloutId: "r-7-to-prod",
      TargetId: "prod",
      Location: "europe-west1",
      ...attributes,
    },
    data: null,
    message_id: "1",
    publish_time: moment(second),
  });
}

const makeTimeless = (type: string): ClaimedEvent =>
  makeEvent("vercel", type, { deployment: { id: "dpl_2" } });

const projectShape = (source: Parameters<typeof makeEvent>[0], value: Json) =>
  projectAny(makeEvent(source, "deployment.created", value));

describe("Vercel", () => {
  it.each([
    ["deployment.created", "in_progress", 2],
    ["deployment.succeeded", "success", 3],
    ["deployment.ready", "success", 3],
    ["deployment.promoted", "success", 3],
    ["deployment.error", "failure", 3],
    ["deployment.canceled", "cancelled", 3],
  ])("says with %s that a deployment is %s", (type, state, rank) => {
    const result = projectAny(makeVercel(type, 5));
    expect(result).toMatchObject({
      providerTime: Date.parse(moment(5)),
      repository: "acme/shop",
      actor: "ana",
    });
    expect(result.rows.deployment_records).toMatchObject([
      {
        provider: "vercel",
        external_id: "dpl_1",
        state,
        version_rank: rank,
        version_time: moment(5),
        environment: "production",
        project: "shop",
        repository_id: entityId(organizationId, "github", "700000001"),
        sha: "abc",
        ref: "main",
        url: "https://shop-1.vercel.example",
        log_url: "https://vercel.example/acme/shop/1",
        finished_at: rank === 3 ? moment(5) : null,
      },
    ]);
    expect(result.rows.deployment_events).toMatchObject([
      { provider_state: type.slice("deployment.".length) },
    ]);
  });

  it("is read from old bodies too, which have the members at the top", () => {
    const body = JSON.parse(makeVercel("deployment.succeeded", 5).body ?? "") as { payload: JsonObject };
    const event = makeEvent("vercel", "deployment.succeeded", {
      ...body.payload,
      target: null,
      type: "LAMBDAS",
    });
    expect(projectAny(event).rows.deployment_records).toMatchObject([
      { external_id: "dpl_1", state: "success", environment: "preview", sha: "abc" },
    ]);
  });

  it("has a row, and changes nothing, for what tells no state", () => {
    const { rows } = projectAny(makeVercel("deployment.check-rerequested", 5));
    expect(Object.keys(rows)).toEqual(["deployment_events"]);
    expect(
      projectAny(makeEvent("vercel", "project.created", { payload: { project: { id: "p" } } })).rows,
    ).toEqual({});
  });
});

describe("Cloud Build", () => {
  it.each([
    ["PENDING", "queued", 1],
    ["QUEUED", "queued", 1],
    ["WORKING", "in_progress", 2],
    ["SUCCESS", "success", 3],
    ["FAILURE", "failure", 3],
    ["INTERNAL_ERROR", "failure", 3],
    ["TIMEOUT", "failure", 3],
    ["EXPIRED", "failure", 3],
    ["CANCELLED", "cancelled", 3],
    ["STATUS_UNKNOWN", "unknown", 0],
  ])("says with %s that a build is %s", (status, state, rank) => {
    const times = {
      createTime: moment(1),
      startTime: moment(2),
      ...(rank === 3 ? { finishTime: moment(9) } : {}),
    };
    const result = projectAny(makeBuild(status, times));
    expect(result).toMatchObject({
      providerTime: Date.parse(moment(rank === 3 ? 9 : 2)),
      repository: "acme/shop",
    });
    expect(result.rows.deployment_records).toMatchObject([
      {
        provider: "cloud-build",
        external_id: "build-1",
        state,
        provider_state: status,
        version_rank: rank,
        project: "acme-prod",
        sha: "abc",
        ref: "main",
        description: "deploy",
        log_url: "https://logs.example/1",
        started_at: moment(2),
        finished_at: rank === 3 ? moment(9) : null,
      },
    ]);
  });

  it("is read from attributes alone", () => {
    const event = makeEvent("cloud-build", "success", {
      attributes: { buildId: "b-2", status: "SUCCESS" },
      data: null,
      message_id: "1",
      publish_time: moment(3),
    });
    expect(projectAny(event).rows.deployment_records).toMatchObject([
      { external_id: "b-2", state: "success", version_time: moment(3), finished_at: moment(3) },
    ]);
  });

  it.each([
    [{ gitSource: { url: "https://github.example/acme/shop.git" } }, "acme/shop"],
    [{ gitSource: { url: "git@github.example:acme/shop.git" } }, "acme/shop"],
    [{ repoSource: { repoName: "shop", branchName: "main" } }, "shop"],
    [{ storageSource: { bucket: "b" } }, null],
  ])("finds the repository in its source %j", (source, repository) => {
    expect(projectAny(makeBuild("WORKING", {}, { substitutions: {}, source })).repository).toBe(repository);
  });
});

describe("Cloud Deploy", () => {
  it.each([
    ["Create", "queued", 1],
    ["Start", "in_progress", 2],
    ["Succeed", "success", 3],
    ["Failure", "failure", 3],
    ["Cancelled", "cancelled", 3],
    ["Terminated", "cancelled", 3],
  ])("says with %s that a rollout is %s", (action, state, rank) => {
    expect(projectAny(makeRollout(action, 4)).rows.deployment_records).toMatchObject([
      {
        provider: "cloud-deploy",
        external_id: "shop/r-7/r-7-to-prod",
        state,
        version_rank: rank,
        version_time: moment(4),
        environment: "prod",
        project: "shop",
      },
    ]);
  });

  it("has a row, and changes nothing, for releases, approvals and targets", () => {
    for (const event of [
      makeRollout("Create", 4, { ResourceType: "Release", RolloutId: "" }),
      makeRollout("Required", 4),
      makeRollout("Update", 4, {
        ResourceType: "Target",
        DeliveryPipelineId: "",
        ReleaseId: "",
        RolloutId: "",
      }),
    ]) {
      expect(Object.keys(projectAny(event).rows)).toEqual(["deployment_events"]);
    }
  });
});

describe("the record of a deployment", () => {
  const sequences = {
    Vercel: [
      makeVercel("deployment.created", 1),
      makeVercel("deployment.succeeded", 5),
      makeVercel("deployment.created", 9),
    ],
    "Cloud Build": [
      makeBuild("QUEUED", { createTime: moment(1) }),
      makeBuild("WORKING", { createTime: moment(1), startTime: moment(1) }),
      makeBuild("SUCCESS", { createTime: moment(1), startTime: moment(1), finishTime: moment(5) }),
    ],
    "Cloud Deploy": [
      makeRollout("Create", 1),
      makeRollout("Start", 1),
      makeRollout("Succeed", 5),
      makeRollout("Start", 9),
    ],
  };
  it.each(Object.entries(sequences))(
    "of %s ends in its success in every order, with its start and end",
    async (_, events) => {
      await fc.assert(
        fc.asyncProperty(
          fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 }),
          async (order) => {
            const organization = await database.newOrganization();
            for (const event of order) {
              await database.write(organization, projectAny({ ...event, organizationId: organization }).rows);
            }
            const [record] = await database.stored(organization, "deployment_records");
            expect(record).toMatchObject({ state: "success" });
            expect(Date.parse(String(record?.["started_at"]))).toBe(Date.parse(moment(1)));
            expect(Date.parse(String(record?.["finished_at"]))).toBe(Date.parse(moment(5)));
            expect(await database.stored(organization, "deployment_events")).toHaveLength(events.length);
          },
        ),
        { numRuns: 8 },
      );
    },
  );

  it("without any time goes by its rank alone", async () => {
    const organization = await database.newOrganization();
    for (const event of ["deployment.succeeded", "deployment.created"].map(makeTimeless)) {
      await database.write(organization, projectAny(event).rows);
    }
    expect(await database.stored(organization, "deployment_records")).toMatchObject([{ state: "success" }]);
  });
});

it("events of any shape are projected without an error", () => {
  const payload = fc.jsonValue({ maxDepth: 3 }).map((value) => value as Json);
  const wrapped = fc.oneof(
    payload,
    fc.record({ payload, data: payload, attributes: payload, publish_time: payload }),
  );
  const source = fc.constantFrom("vercel" as const, "cloud-build" as const, "cloud-deploy" as const);
  fc.assert(
    fc.property(source, wrapped, (name, value) => typeof projectShape(name, value).rows === "object"),
    { numRuns: 500 },
  );
  expect(projectShape("vercel", null).rows).toEqual({});
});

const SHARED = new URL("../../../../../shared/data/webhooks/", import.meta.url);
describe.skipIf(!existsSync(SHARED))(
  "payloads from elsewhere (../shared/data/webhooks, skipped without it)",
  () => {
    it("are stored", async () => {
      const organization = await database.newOrganization();
      for (const file of readdirSync(new URL("vercel/", SHARED))) {
        const payload = JSON.parse(readFileSync(new URL(`vercel/${file}`, SHARED), "utf8")) as Json;
        await database.write(
          organization,
          projectAny(makeEvent("vercel", "deployment.succeeded", payload)).rows,
        );
      }
      for (const file of readdirSync(new URL("cloud-build/", SHARED))) {
        const data = JSON.parse(readFileSync(new URL(`cloud-build/${file}`, SHARED), "utf8")) as Json;
        const payload = { attributes: { buildId: file, status: "SUCCESS" }, data, publish_time: moment(1) };
        await database.write(organization, projectAny(makeEvent("cloud-build", "success", payload)).rows);
      }
      const providers = (await database.stored(organization, "deployment_records")).map(
        (row) => row["provider"],
      );
      expect(new Set(providers)).toEqual(new Set(["vercel", "cloud-build"]));
    });
  },
);
