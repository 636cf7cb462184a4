import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { readConfig as readEventsConfig } from "../../functions/events/config.ts";
import { readConfig as readHealthConfig } from "../../functions/health/config.ts";
import { readConfig as readIngestConfig } from "../../functions/ingest/config.ts";
import { readConfig as readInsightsConfig } from "../../functions/insights/config.ts";
import { readConfig as readPatternsConfig } from "../../functions/patterns/config.ts";
import { readConfig as readRetentionConfig } from "../../functions/retention/config.ts";
import { readConfig as readWebhooksConfig } from "../../functions/webhooks/config.ts";
import { findAddresses } from "../../migrations/addresses.ts";
import { connectionsInCode, listAlertRules } from "./product.ts";
import { copyWith, ROOT, runCli } from "./run-cli.ts";
import { explainMissingTerraform, listOf, readState, type Resource, type State } from "./state.ts";

const missing = await explainMissingTerraform();
const LONG_MS = 20 * 60_000;

const READERS: Record<string, (env: Record<string, string>) => unknown> = {
  ingest: readIngestConfig,
  webhooks: readWebhooksConfig,
  insights: readInsightsConfig,
  events: readEventsConfig,
  patterns: readPatternsConfig,
  retention: readRetentionConfig,
  health: readHealthConfig,
};

const deployed = z.record(z.string(), z.object({ env: z.record(z.string(), z.string()) }));
const connections = z.record(z.string(), z.number());
const instances = z.record(z.string(), z.object({ instances: z.object({ max: z.number() }) }));
const alertLabels = z.looseObject({ rule: z.string().optional() });
const oidc = z
  .array(z.object({ audience: z.string().min(1), service_account_email: z.string().min(1) }))
  .length(1);

// One file for all that runs Terraform: a local provider mirror may bear only one run at a time.
describe.skipIf(missing !== null)(
  `npm run terraform with Terraform (${missing === null ? "found" : "left out: not to be had here"})`,
  () => {
    it("refuses a mirror that is no program", async () => {
      const env = { ...process.env, NETRA_TERRAFORM_OFFLINE: join(ROOT, "alerts.yaml") };

      expect(await runCli(["validate"], { env })).toMatchObject({
        code: 1,
        err: expect.stringMatching(/NETRA_TERRAFORM_OFFLINE names .*alerts\.yaml, which is no program/),
      });
    });

    it("finds the configuration well, and every test passes", { timeout: LONG_MS }, async () => {
      const { code, out, err } = await runCli(["test"]);

      expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/Success!.* \d\d passed, 0 failed/);
    });

    it("tells of a file that is not formatted, and how to format it", { timeout: LONG_MS }, async () => {
      const root = await copyWith("modules/archive/outputs.tf", (text) =>
        text.replace("  value       =", "  value ="),
      );

      expect(await runCli(["validate"], { root })).toMatchObject({
        code: 1,
        err: expect.stringMatching(/outputs\.tf.*terraform fmt -recursive terraform/s),
      });
    });

    it("tells of an argument that does not exist", { timeout: LONG_MS }, async () => {
      const root = await copyWith("modules/archive/main.tf", (text) =>
        text.replace("uniform_bucket_level_access", "uniform_bucket_level_axcess"),
      );

      expect(await runCli(["validate"], { root })).toMatchObject({
        code: 1,
        err: expect.stringMatching(/uniform_bucket_level_axcess.*validate environments\/dev failed/s),
      });
    });

    it("tells of a test that fails", { timeout: LONG_MS }, async () => {
      const root = await copyWith("modules/schedules/main.tf", (text) =>
        text.replace(
          "audience              = coalesce(each.value.audience, each.value.uri)\n",
          `audience              = "\${each.value.uri}\${each.value.path}"\n`,
        ),
      );

      const { code, out } = await runCli(["test", "-filter=schedules.tftest.hcl"], { root });

      expect(code).toBe(1);
      expect(out).toContain("Run answers 401");
    });
  },
);

// What is asked here is asked of every resource of prod, whichever module makes it, so that one that is added later is
// asked as well.
describe.skipIf(missing !== null)(
  `every resource of prod (${missing === null ? "planned" : "left out: there is no Terraform here"})`,
  () => {
    let state: State;
    const ofType = (...types: string[]): Resource[] => {
      const found = state.resources.filter(({ type }) => types.includes(type));
      expect(found).not.toHaveLength(0);
      return found;
    };

    beforeAll(async () => {
      state = await readState("prod.tftest.hcl", "prod");
    }, LONG_MS);

    it("holds no primitive role, and none that gives rights or reads every secret", () => {
      const roles = state.resources.flatMap(({ values: { role } }) =>
        typeof role === "string" ? [role] : [],
      );

      expect(roles.length).toBeGreaterThan(30);
      for (const role of roles) {
        expect(role).toMatch(/^roles\/[a-z]+\.[A-Za-z.]+$/);
        expect(role).not.toMatch(
          /^roles\/(resourcemanager\.|secretmanager\.admin|iam\.\w*(Admin|TokenCreator))/,
        );
      }
    });

    it("gives rights one by one: nothing takes rights away that it does not know", () => {
      expect(state.resources.filter(({ type }) => /_iam_(policy|binding)$/.test(type))).toEqual([]);
    });

    it("gives a right on the whole project only where there is no smaller one", () => {
      const onProject = ofType("google_project_iam_member").filter(
        ({ address }) => !address.includes("module.deploy_identity"),
      );

      expect(new Set(onProject.map(({ values }) => values["role"]))).toEqual(
        new Set(["roles/cloudsql.client", "roles/cloudsql.instanceUser"]),
      );
    });

    it("is open to everybody at three functions and nowhere else", () => {
      const open = state.resources.filter(({ values }) =>
        /^all(Authenticated)?Users$/.test(String(values["member"])),
      );

      expect(open.map(({ type, values }) => `${type} ${String(values["name"])}`).sort()).toEqual([
        "google_cloud_run_v2_service_iam_member netra-prod-ingest",
        "google_cloud_run_v2_service_iam_member netra-prod-insights",
        "google_cloud_run_v2_service_iam_member netra-prod-webhooks",
      ]);
    });

    it("has dead letters behind every push, with a token on it", () => {
      const pushes = ofType("google_pubsub_subscription").filter(
        ({ values }) => listOf(values["push_config"]).length > 0,
      );

      expect(pushes).not.toHaveLength(0);
      for (const { values } of pushes) {
        expect(listOf(values["dead_letter_policy"])).toHaveLength(1);
        expect(listOf(values["retry_policy"])).toHaveLength(1);
        expect(oidc.safeParse(listOf(values["push_config"])[0]?.["oidc_token"]).success).toBe(true);
      }
    });

    it("calls nothing on schedule without a token", () => {
      const jobs = ofType("google_cloud_scheduler_job");
      const tokens = jobs.map(({ values }) => listOf(values["http_target"])[0]?.["oidc_token"]);

      expect(tokens.filter((token) => !oidc.safeParse(token).success)).toEqual([]);
    });

    it("has its database on private addresses only, protected", () => {
      for (const { values } of ofType("google_sql_database_instance")) {
        const [settings] = listOf(values["settings"]);
        const [address] = listOf(settings?.["ip_configuration"]);
        expect(address).toMatchObject({ ipv4_enabled: false });
        expect(listOf(address?.["authorized_networks"])).toEqual([]);
        expect(values["deletion_protection"]).toBe(true);
        expect(settings?.["deletion_protection_enabled"]).toBe(true);
      }
    });

    it("has no key of an account, no secret's value and no password in its state", () => {
      const types = new Set(state.resources.map(({ type }) => type));
      const text = JSON.stringify(state.resources);
      const told = [
        ...ofType("google_secret_manager_secret_version").map(({ values }) => values["secret_data"]),
        ...ofType("google_sql_user").map(({ values }) => values["password"]),
      ];

      expect(types).not.toContain("google_service_account_key");
      expect(text).not.toContain("a-password-of-24-letters-or-more");
      expect(told.filter((value) => (value ?? null) !== null)).toEqual([]);
    });

    it("labels everything that takes labels", () => {
      const labelled = ofType(
        "google_cloud_run_v2_service",
        "google_cloud_run_v2_job",
        "google_pubsub_topic",
        "google_pubsub_subscription",
        "google_secret_manager_secret",
        "google_storage_bucket",
        "google_artifact_registry_repository",
      );
      const labelledByUsers = ofType(
        "google_monitoring_alert_policy",
        "google_monitoring_notification_channel",
        "google_monitoring_uptime_check_config",
      );
      const databases = ofType("google_sql_database_instance").flatMap(({ values }) =>
        listOf(values["settings"]),
      );

      for (const labels of [
        ...labelled.map(({ values }) => values["labels"]),
        ...labelledByUsers.map(({ values }) => values["user_labels"]),
        ...databases.map((settings) => settings["user_labels"]),
      ]) {
        expect(labels).toMatchObject({ app: "netra", environment: "prod" });
      }
    });

    it("tells who read a secret, an archive or the database's settings, and who looked at rights", () => {
      const audited = ofType("google_project_iam_audit_config").map(({ values }) => [
        values["service"],
        listOf(values["audit_log_config"]).map((log) => log["log_type"]),
      ]);

      const types = expect.arrayContaining(["ADMIN_READ", "DATA_READ", "DATA_WRITE"]);
      expect(Object.fromEntries(audited)).toEqual({
        "cloudsql.googleapis.com": types,
        "iam.googleapis.com": types,
        "secretmanager.googleapis.com": types,
        "storage.googleapis.com": types,
      });
    });

    it("deletes old images, which it could not if tags were fixed", () => {
      for (const { values } of ofType("google_artifact_registry_repository")) {
        const actions = listOf(values["cleanup_policies"]).map((policy) => policy["action"]);
        expect(new Set(actions)).toEqual(new Set(["DELETE", "KEEP"]));
        expect(listOf(values["docker_config"]).filter((docker) => docker["immutable_tags"] === true)).toEqual(
          [],
        );
      }
    });

    it("migrates through the connector as the owner, with the newest secrets, and with no password in the plan", async () => {
      const [job] = ofType("google_cloud_run_v2_job");
      const [template] = listOf(listOf(job?.values["template"])[0]?.["template"]);
      const env = listOf(listOf(template?.["containers"])[0]?.["env"]);

      const variables = env.map(({ name, value, value_source: source }) => {
        const [reference] = listOf(listOf(source)[0]?.["secret_key_ref"]);
        return [name, reference === undefined ? value : [reference["secret"], reference["version"]]];
      });
      const { CLICKHOUSE_URL: clickhouse, ...database } = z
        .record(z.string(), z.unknown())
        .parse(Object.fromEntries(variables));
      expect(clickhouse).toEqual(["netra-prod-admin-clickhouse-url", "latest"]);
      expect(database).toEqual({
        INSTANCE_CONNECTION_NAME: "acme-ledger:europe-west1:netra-prod",
        DATABASE_NAME: "netra",
        DATABASE_USER: "netra_owner",
        DATABASE_PASSWORD_SECRET: "projects/acme-ledger/secrets/netra-prod-owner-password/versions/latest",
      });
      // What the program makes of them.
      const { database: address } = await findAddresses(z.record(z.string(), z.string()).parse(database));
      expect(address).toMatchObject({
        cloudSql: {
          connectionName: "acme-ledger:europe-west1:netra-prod",
          network: "PRIVATE",
          database: "netra",
          user: "netra_owner",
          password: expect.anything() as unknown,
        },
      });
    });

    it("lets no age delete what lies in a bucket", () => {
      const deletions = ofType("google_storage_bucket")
        .flatMap(({ values }) => listOf(values["lifecycle_rule"]))
        .filter((rule) => listOf(rule["action"])[0]?.["type"] === "Delete")
        .flatMap((rule) => listOf(rule["condition"]));

      expect(deletions).not.toHaveLength(0);
      for (const condition of deletions) {
        expect(condition).toMatchObject({ with_state: "ARCHIVED", age: null });
      }
    });

    it("gives each function exactly variables that its code reads, and all it needs", async () => {
      const functions = deployed.parse(state.outputs["functions"]);
      expect(Object.keys(functions).sort()).toEqual(Object.keys(READERS).sort());

      for (const [name, { env }] of Object.entries(functions)) {
        const { FUNCTION_TARGET: target, ...read } = env;
        expect(target).toBe(name);
        const config = z.record(z.string(), z.unknown()).parse(READERS[name]?.(read));
        const unread = Object.keys(read).filter((variable) => !(variable in config));
        expect({ name, unread }).toEqual({ name, unread: [] });
      }
    });

    it("alerts from outside by the same thresholds as the rules of the product", async () => {
      const rules = await listAlertRules();
      const { max = 0 } = connections.parse(state.outputs["connections"]);
      const shared = ofType("google_monitoring_alert_policy").flatMap(({ values }) => {
        const { rule } = alertLabels.parse(values["user_labels"]);
        return rule === undefined ? [] : [{ rule, values }];
      });

      expect(shared.map(({ rule }) => rule).sort()).toEqual([
        "connections-over-80-percent",
        "database-over-100-gb",
        "replication-lag",
      ]);
      for (const { rule, values } of shared) {
        const told = rules.get(rule);
        // The product tells a share of the connections, the platform their number.
        const share = told?.metric === "connection_slots" ? max / 100 : 1;
        expect({ rule, severity: values["severity"], ...thresholdOf(values) }).toEqual({
          rule,
          severity: told?.severity.toUpperCase(),
          threshold: Number(told?.threshold) * share,
          duration: `${told?.for_seconds}s`,
        });
      }
    });

    it("counts the connections that the code opens", async () => {
      const sums = connections.parse(state.outputs["connections"]);
      const functions = deployed.parse(state.outputs["functions"]);
      const sizes = instances.parse(state.outputs["functions"]);

      const counted = Object.entries(functions).map(async ([name, { env }]) => {
        const pool = env["NETRA_DATABASE_CONNECTIONS"] ?? (await connectionsInCode(name));
        return [name, (sizes[name]?.instances.max ?? 0) * (Number(pool) + 1)];
      });
      expect(sums).toMatchObject(Object.fromEntries(await Promise.all(counted)));
    });
  },
);

function thresholdOf(policy: Record<string, unknown>): { threshold: unknown; duration: unknown } {
  const [condition] = listOf(listOf(policy["conditions"])[0]?.["condition_threshold"]);
  return { threshold: condition?.["threshold_value"], duration: condition?.["duration"] };
}
