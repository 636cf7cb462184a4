import { describe, expect, it } from "vitest";
import { deploy, makeCloud, NEW, OLD, problem } from "./fake-cloud.ts";

const ALL_NEW = { ingest: NEW, webhooks: NEW, insights: NEW, health: NEW };
const ALL_OLD = { ingest: OLD, webhooks: OLD, insights: OLD, health: OLD };

describe("npm run deploy", () => {
  it("builds, pushes, migrates with the new image while the old one serves, switches and tries it", async () => {
    const cloud = makeCloud();

    const { code, err } = await deploy(cloud);

    expect(code).toBe(0);
    expect(err).toContain("Deployed.");
    expect(cloud.functions).toEqual(ALL_NEW);
    expect(cloud.migrations).toEqual([
      { image: NEW, args: "--args=up,--login=netra-dev-ingest@my-project.iam", servedThen: ALL_OLD },
    ]);
    const order = ["npm run --silent build", "docker build", "docker push", "jobs execute", "apply"].map(
      (step) => cloud.commands.findLastIndex((command) => command.includes(step)),
    );
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it("shows every secret token to nobody", async () => {
    const cloud = makeCloud();

    const { out, err } = await deploy(cloud);

    expect(cloud.asked.some(({ token }) => token === "access-token-of-you")).toBe(true);
    expect(out + err + cloud.commands.join("\n")).not.toMatch(/token-of-you|owner-password/);
  });

  it("tells everything that stands in the way at once, and changes nothing", async () => {
    const cloud = makeCloud({
      missingPrograms: ["docker", "terraform"],
      deniedPermissions: ["run.services.update", "storage.objects.create"],
      settings: 'project_id = "another-project"\n',
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    for (const said of [
      "docker is not installed",
      "--builder cloud-build",
      "Terraform is not installed",
      "another-project",
      "you lack rights in my-project: run.services.update",
      "gs://my-project-terraform is not there or not yours to write (storage.objects.create)",
    ]) {
      expect(err).toContain(said);
    }
    expect(cloud.commands.filter((command) => command.startsWith("TF_IN"))).toEqual([]);
  });

  it("refuses settings that say something else than the command line, and an image that would run unmigrated", async () => {
    const image = `image = "${NEW}"`;
    const cloud = makeCloud({
      settings: `project_id = "another-project"\nregion = "europe-west4"\n  ${image}\n# ${image}\n`,
    });

    const { code, err } = await deploy(cloud, ["--yes", "--region", "europe-west1"]);

    expect(code).toBe(1);
    expect(err).toContain("is about the project another-project, and you named my-project");
    expect(err).toContain("is about the region europe-west4, and you named europe-west1");
    expect(err).toContain("names an image, which would run before anything is migrated");
    const commented = makeCloud({ settings: `project_id = "my-project"\n# ${image}\n` });
    expect(await deploy(commented)).toMatchObject({ code: 0 });
  });

  it("without gcloud says what to install, besides what else is missing", async () => {
    const cloud = makeCloud({ missingPrograms: ["gcloud"], settings: null });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("https://cloud.google.com/sdk/docs/install");
    expect(err).toContain("cp terraform/environments/dev/terraform.tfvars.example");
  });

  it("does not take silence for a lack of rights", async () => {
    const silent = { status: null, type: "", body: "getaddrinfo ENOTFOUND" };
    const cloud = makeCloud({ google: () => silent });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("Google did not tell your rights in the project my-project: getaddrinfo ENOTFOUND");
    expect(err).not.toContain("you lack rights");
  });

  it("says so where Google knows no such project or bucket", async () => {
    const cloud = makeCloud({ google: () => ({ status: 404, type: "application/json", body: "{}" }) });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("you lack rights in my-project: Google answers 404");
    expect(err).toContain("gcloud storage buckets create gs://my-project-terraform");
  });

  it("says how to log in where the login has ended", async () => {
    const cloud = makeCloud({
      intercept: (text) =>
        text.includes("print-access-token") ? { code: 1, output: "reauthenticate" } : undefined,
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("-> gcloud auth login");
    expect(err).toContain("-> gcloud auth application-default login");
    expect(cloud.asked).toEqual([]);
  });

  it("asks before it changes anything, and takes no for an answer", async () => {
    const questions: string[] = [];
    const cloud = makeCloud({
      confirm: async (question) => {
        questions.push(question);
        return false;
      },
    });

    const { code, err } = await deploy(cloud, []);

    expect(code).toBe(2);
    expect(questions).toEqual(["Change this in my-project (dev)? (yes/no) "]);
    expect(err).toContain("0 to add, 5 to change, 0 to delete");
    expect(cloud).toMatchObject({ functions: ALL_OLD, jobImage: OLD, migrations: [] });
  });

  it("changes nothing where nobody can be asked", async () => {
    const cloud = makeCloud();

    expect(await deploy(cloud, [])).toMatchObject({ code: 2, err: expect.stringContaining("add --yes") });
    expect(cloud).toMatchObject({ functions: ALL_OLD, jobImage: OLD, migrations: [] });
    // Nor is anything built for nobody.
    expect(cloud.commands).toEqual([]);
  });

  it("does not take --yes for a yes to losing data", async () => {
    const loss = {
      address: "module.netra.module.archive",
      type: "google_storage_bucket",
      actions: ["delete", "create"],
    };
    const cloud = makeCloud({ surprises: { 0: [loss], 1: [loss] } });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(2);
    expect(err).toContain("THIS DELETES DATA: module.netra.module.archive");
    expect(cloud.functions).toEqual(ALL_OLD);
  });

  it.each([
    ["google_sql_user", ["update"]],
    ["google_secret_manager_secret_version", ["create"]],
    ["google_secret_manager_secret_version", ["delete", "create"]],
  ])("never writes a password of the database's owner that nobody knows: %s %s", async (type, actions) => {
    const owner = { address: `module.netra.module.database.${type}.owner`, type, actions };
    const without = makeCloud({ env: {}, surprises: { 0: [owner] } });

    expect(await deploy(without)).toMatchObject({
      code: 1,
      err: expect.stringContaining("the password of netra_owner would be written, and there is none"),
    });
    expect(without.commands.filter((command) => command.includes(" apply "))).toEqual([]);
    expect(await deploy(makeCloud({ surprises: { 0: [owner], 1: [owner] } }))).toMatchObject({ code: 0 });
  });

  it("switches nothing when something turned up that nobody agreed to", async () => {
    const other = { address: "google_pubsub_topic.other", type: "google_pubsub_topic", actions: ["create"] };
    const cloud = makeCloud({ surprises: { 1: [other] } });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("something else would change: google_pubsub_topic.other (create)");
    expect(err).toContain("No function was switched");
    expect(cloud.functions).toEqual(ALL_OLD);
  });

  it("switches nothing when the migration fails, and a second run goes on without building again", async () => {
    let isBroken = true;
    const cloud = makeCloud({
      intercept: (text) =>
        isBroken && text.includes("jobs execute") ? { code: 1, output: "The execution failed" } : undefined,
    });

    const first = await deploy(cloud);

    expect(first.code).toBe(1);
    expect(first.err).toContain(
      "The migration failed, so no function was switched: what served before serves.",
    );
    expect(first.err).toContain('labels.job_name="netra-dev-migrate"');
    expect(cloud.functions).toEqual(ALL_OLD);

    isBroken = false;
    const second = await deploy(cloud);

    expect(second.code).toBe(0);
    expect(second.err).toContain("was pushed before and is taken as it is");
    expect(cloud.commands.filter((command) => command.includes("docker push"))).toHaveLength(1);
    expect(cloud.functions).toEqual(ALL_NEW);
  });

  it("goes back to the image before when the new one does not answer as it should", async () => {
    const cloud = makeCloud({
      answer: (image, { url }) => (image === NEW && url.includes("insights") ? problem(503) : undefined),
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("was answered with 503 instead of 401");
    expect(err).toContain(`It was rolled back: ${OLD} serves again.`);
    expect(cloud.functions).toEqual(ALL_OLD);
    expect(cloud.migrations).toHaveLength(1);
  });

  it("goes back when switching fails half way", async () => {
    const cloud = makeCloud({
      intercept: (text, here) => {
        if (!text.includes("apply") || !text.includes("everything.tfplan")) return undefined;
        here.functions["ingest"] = NEW;
        return { code: 1, output: "Error: the revision is not ready" };
      },
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("serves again");
    expect(cloud.functions).toEqual(ALL_OLD);
  });

  it("says what to do by hand when going back fails as well", async () => {
    const cloud = makeCloud({
      answer: (image) => (image === NEW ? { status: null, type: "", body: "timed out" } : undefined),
      intercept: (text) =>
        text.includes("apply") && text.includes("back.tfplan")
          ? { code: 1, output: "Error: quota" }
          : undefined,
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(3);
    expect(err).toContain("Going back failed as well");
    expect(err).toContain(`npm run deploy -- --project my-project --env dev --image ${OLD} --no-migrate`);
    expect(err).toContain("Error: quota");
    expect(cloud.functions).toEqual(ALL_NEW);
  });

  it("says so when the image before does not answer either", async () => {
    const cloud = makeCloud({
      answer: (_image, { url }) => (url.includes("ingest") ? problem(503) : undefined),
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(3);
    expect(err).toContain("The image before serves again, and does not answer as it should either.");
    expect(cloud.functions).toEqual(ALL_OLD);
  });

  it("stopped before the switch has switched nothing, and a second run goes on", async () => {
    const cloud = makeCloud({
      intercept: (text, here) => {
        if (text.includes("docker push") && here.pushed.size === 0) here.signal = "SIGINT";
        return undefined;
      },
    });

    const first = await deploy(cloud);

    expect(first.code).toBe(1);
    expect(first.err).toContain("Stopped by SIGINT. No function was switched");
    expect(cloud).toMatchObject({ functions: ALL_OLD, migrations: [] });

    cloud.signal = null;
    expect(await deploy(cloud)).toMatchObject({ code: 0 });
    expect(cloud.functions).toEqual(ALL_NEW);
    expect(cloud.commands.filter((command) => command.includes("docker push"))).toHaveLength(1);
  });

  it("stopped in the middle of the switch says what may run, does not go back by itself, and a second run goes on", async () => {
    let isFirst = true;
    const cloud = makeCloud({
      intercept: (text, here) => {
        if (!isFirst || !text.includes("apply") || !text.includes("everything.tfplan")) return undefined;
        isFirst = false;
        here.functions["ingest"] = NEW;
        here.signal = "SIGTERM";
        return { code: 1, output: "Interrupt received" };
      },
    });

    const first = await deploy(cloud);

    expect(first.code).toBe(3);
    expect(first.err).toContain("Stopped by SIGTERM. Functions may run different images.");
    expect(first.err).toContain(`--image ${OLD} --no-migrate`);
    expect(cloud.functions).toMatchObject({ ingest: NEW, webhooks: OLD });

    cloud.signal = null;
    expect(await deploy(cloud)).toMatchObject({ code: 0 });
    expect(cloud.functions).toEqual(ALL_NEW);
  });

  it("stopped while it goes back says so, with the command that goes back", async () => {
    const cloud = makeCloud({
      answer: (image) => (image === NEW ? problem(500) : undefined),
      intercept: (text, here) => {
        if (!text.includes("apply") || !text.includes("back.tfplan")) return undefined;
        here.signal = "SIGINT";
        return { code: 1, output: "Interrupt received" };
      },
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(3);
    expect(err).toContain("Stopped by SIGINT. The new version failed, and going back was not finished");
    expect(err).toContain(`--image ${OLD} --no-migrate`);
  });

  it("goes back when a new function's login cannot be given its rights", async () => {
    const cloud = makeCloud({
      loginsLater: ["netra-dev-new@my-project.iam"],
      intercept: (text) =>
        text.includes("--login=netra-dev-new") ? { code: 1, output: "There is no login" } : undefined,
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain(`It was rolled back: ${OLD} serves again.`);
    expect(cloud.functions).toEqual(ALL_OLD);
  });

  it("stopped while it is tried has switched, and a second run only tries it", async () => {
    const cloud = makeCloud({
      intercept: (text, here) => {
        if (text.includes("print-identity-token")) here.signal = "SIGINT";
        return undefined;
      },
    });

    const first = await deploy(cloud);
    // The last question was under way; the signal came too late to stop anything.
    expect(first.code).toBe(0);

    cloud.signal = null;
    const second = await deploy(cloud);
    expect(second.err).toContain("nothing: this image runs with these settings already");
  });

  it("makes the foundation first in an empty project, says which values are missing, and a second run deploys", async () => {
    const cloud = makeCloud({
      hasFoundation: false,
      functions: {},
      jobImage: null,
      // The owner's password is not asked for: Terraform writes it.
      emptySecrets: [
        "netra-dev-owner-password",
        "netra-dev-admin-clickhouse-url",
        "netra-dev-clickhouse-password",
      ],
    });

    const first = await deploy(cloud);

    expect(first.code).toBe(1);
    expect(cloud.hasFoundation).toBe(true);
    expect(first.err).toContain("the secret netra-dev-admin-clickhouse-url has no value");
    expect(first.err).not.toContain("owner-password has no value");
    expect(first.err).toContain(
      "gcloud secrets versions add netra-dev-clickhouse-password --project my-project",
    );
    expect(first.err).not.toContain("clickhouse-retention-password has no value");
    expect(cloud.commands.join("\n")).not.toContain("docker push");

    cloud.emptySecrets = [];
    expect(await deploy(cloud)).toMatchObject({ code: 0 });
    expect(cloud.functions).toEqual(ALL_NEW);
    expect(cloud.migrations).toMatchObject([{ image: NEW, servedThen: {} }]);
  });

  it("a first deployment that does not answer has nothing to go back to, and says so", async () => {
    const cloud = makeCloud({ functions: {}, jobImage: null, answer: () => problem(500) });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(3);
    expect(err).toContain("There is no image before it to go back to");
  });

  it("an empty project wants the owner's password and an owner's rights", async () => {
    const cloud = makeCloud({
      hasFoundation: false,
      env: {},
      deniedPermissions: ["cloudsql.instances.create"],
    });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("export TF_VAR_owner_password=$(openssl rand -base64 32)");
    expect(err).toContain("cloudsql.instances.create");
    expect(cloud.hasFoundation).toBe(false);
  });

  it("gives a new function's login its rights once Terraform has made it", async () => {
    const cloud = makeCloud({ loginsLater: ["netra-dev-new@my-project.iam"] });

    expect(await deploy(cloud)).toMatchObject({ code: 0 });

    expect(cloud.migrations.map(({ args }) => args)).toEqual([
      "--args=up,--login=netra-dev-ingest@my-project.iam",
      "--args=up,--login=netra-dev-new@my-project.iam",
    ]);
  });

  it("deploys an image that is named without building or migrating", async () => {
    const cloud = makeCloud({ functions: { ...ALL_NEW }, jobImage: NEW });

    expect(await deploy(cloud, ["--yes", "--image", OLD, "--no-migrate"])).toMatchObject({ code: 0 });

    expect(cloud).toMatchObject({ functions: ALL_OLD, migrations: [] });
    expect(cloud.commands.filter((command) => /^(npm|docker|git) /.test(command))).toEqual([]);
  });

  it("builds with Cloud Build where docker is not wanted", async () => {
    const cloud = makeCloud({
      missingPrograms: ["docker"],
      intercept: (text, here) => {
        const tag = /builds submit dist --tag=(\S+)/.exec(text)?.[1];
        if (tag !== undefined) here.pushed.set(tag, NEW.slice(NEW.indexOf("sha256:")));
        return undefined;
      },
    });

    expect(await deploy(cloud, ["--yes", "--builder", "cloud-build"])).toMatchObject({ code: 0 });
    expect(cloud.functions).toEqual(ALL_NEW);
    expect(cloud.commands).toContain("cp functions/Dockerfile dist/Dockerfile");
  });

  it("never lets prod run what nobody committed", async () => {
    const cloud = makeCloud({ hasChanges: true, environment: "prod" });

    const { code, err } = await deploy(cloud, ["--yes", "--env", "prod"]);

    expect(code).toBe(1);
    expect(err).toContain("not committed");
    expect(cloud.functions).toEqual(ALL_OLD);
  });

  it("refuses a state that is about another project, region or environment", async () => {
    expect(await deploy(makeCloud(), ["--yes", "--region", "us-central1"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("and you named dev of my-project in us-central1"),
    });
    const cloud = makeCloud();
    expect(await deploy(cloud, ["--yes", "--env", "prod"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("netra-dev, and you named prod of my-project"),
    });
    expect(cloud.commands.filter((command) => / (plan|apply) /.test(command))).toEqual([]);
  });

  it("takes the providers that the lock file names, and no others", async () => {
    const cloud = makeCloud();

    expect(await deploy(cloud)).toMatchObject({ code: 0 });
    expect(cloud.commands.find((command) => command.includes(" init "))).toContain("-lockfile=readonly");
  });

  it("takes no providers that nobody agreed to where nobody looks on, and says how to agree", async () => {
    const cloud = makeCloud({ hasProviderLock: false });

    const { code, err } = await deploy(cloud);

    expect(code).toBe(1);
    expect(err).toContain("terraform/environments/dev/.terraform.lock.hcl is not there");
    expect(err).toContain("deploy once at a terminal");
    expect(cloud.commands.filter((command) => command.includes(" init "))).toEqual([]);
  });

  it("at a terminal lets Terraform choose its providers the first time, and asks to commit the choice", async () => {
    const cloud = makeCloud({ hasProviderLock: false, confirm: async () => true });

    const { code, err } = await deploy(cloud, []);

    expect(code).toBe(0);
    expect(err).toMatch(/wrote them to terraform\/environments\/dev\/\.terraform\.lock\.hcl:\s+commit it/);
    expect(cloud.commands.find((command) => command.includes(" init "))).not.toContain("-lockfile");
  });

  it("waits for minutes for a first answer, and not for minutes at every question", async () => {
    let unanswered = 30;
    const slow = makeCloud({
      answer: (image) => (image === NEW && (unanswered -= 1) >= 0 ? problem(503) : undefined),
    });
    const dead = makeCloud({ answer: (image) => (image === NEW ? problem(503) : undefined) });

    expect(await deploy(slow)).toMatchObject({ code: 0 });
    expect(await deploy(dead)).toMatchObject({ code: 1 });
    // All questions of the new version together, and then those of the old one.
    expect(dead.asked.length).toBeLessThan(70);
  });

  it("migrates also where nothing is to change, since the image may have been deployed without", async () => {
    const cloud = makeCloud({ functions: { ...ALL_OLD }, jobImage: OLD });

    expect(await deploy(cloud, ["--yes", "--image", NEW, "--no-migrate"])).toMatchObject({ code: 0 });
    expect(cloud.migrations).toEqual([]);

    expect(await deploy(cloud, ["--yes", "--image", NEW])).toMatchObject({
      code: 0,
      err: expect.stringContaining("nothing: this image runs with these settings already"),
    });
    expect(cloud.migrations).toMatchObject([{ image: NEW, servedThen: ALL_NEW }]);
  });

  it("asks health in the name of people alone, and takes a stranger's refusal for no fault", async () => {
    const robot = makeCloud({ account: "netra-dev-deployer@my-project.iam.gserviceaccount.com" });
    const stranger = makeCloud({
      answer: (_image, { url, token }) =>
        url.includes("health") && token !== undefined
          ? { status: 403, type: "text/html", body: "" }
          : undefined,
    });

    expect(await deploy(robot)).toMatchObject({
      code: 0,
      err: expect.stringContaining("only people are let in"),
    });
    expect(await deploy(stranger)).toMatchObject({
      code: 0,
      err: expect.stringContaining("not among the watchers"),
    });
  });
});

describe("npm run deploy -- --dry-run", () => {
  it("prints what a deployment runs, in order, and runs none of it", async () => {
    const real = makeCloud();
    await deploy(real);
    const dry = makeCloud();

    const { code, out } = await deploy(dry, ["--yes", "--dry-run", "--region", "europe-west1"]);

    expect(code).toBe(0);
    const printed = out.split("\n").flatMap((line) => /^ *\d+ {2}(?!GET|POST)(.*)$/.exec(line)?.[1] ?? []);
    expect(printed.map(shape)).toEqual(real.commands.map(shape));
    expect(
      dry.commands.filter((command) => !/^(terraform|docker|gcloud) version|^git /.test(command)),
    ).toEqual([]);
    expect(dry.asked).toEqual([]);
  });

  it("--first begins with the foundation", async () => {
    const { code, out } = await deploy(makeCloud(), ["--dry-run", "--first"]);

    expect(code).toBe(0);
    expect(out.indexOf("foundation.tfplan")).toBeGreaterThan(0);
    expect(out.indexOf("foundation.tfplan")).toBeLessThan(out.indexOf("docker push"));
  });

  it("works where nothing is installed, and tells what would have stopped it", async () => {
    const cloud = makeCloud({
      missingPrograms: ["gcloud", "docker", "terraform", "git"],
      settings: null,
      env: {},
    });

    const { code, out, err } = await deploy(cloud, ["--dry-run"]);

    expect(code).toBe(0);
    expect(err.match(/would stop here: .*/g)).toEqual([
      "would stop here: Terraform is not installed",
      "would stop here: docker is not installed",
      "would stop here: gcloud is not installed, so login and rights could not be looked at",
      "would stop here: terraform/environments/dev/terraform.tfvars is not there",
    ]);
    expect(out).toContain("run jobs execute netra-dev-migrate");
  });
});

describe("the command line of npm run deploy", () => {
  it("tells every fault of a command line at once", async () => {
    const faulty =
      "--project X --env test --builder make --region europe --image netra:latest --state-bucket gs://b --first";

    const { code, err } = await deploy(makeCloud(), faulty.split(" "));

    expect(code).toBe(2);
    for (const option of ["project", "env", "builder", "region", "image", "state-bucket", "first"]) {
      expect(err).toContain(`--${option} `);
    }
    expect(err).toContain("npm run deploy -- --help");
  });

  it("takes no image with characters that a shell would read", async () => {
    const digest = `@sha256:${"a".repeat(64)}`;

    for (const name of ["$(reboot)", "a;b", "a b", "-x", "a'b", "A", ""]) {
      expect(await deploy(makeCloud(), [`--image=${name}${digest}`])).toMatchObject({ code: 2 });
    }
  });

  it("refuses options it does not know, and explains itself", async () => {
    expect(await deploy(makeCloud(), ["--force"])).toMatchObject({ code: 2 });
    expect(await deploy(makeCloud(), ["--help"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("Usage: npm run deploy"),
    });
  });
});

/** A command less what differs from one run to the next. */
function shape(command: string): string {
  return command
    .replaceAll(/sha256:[0-9a-f]{64}/g, "DIGEST")
    .replaceAll(/functions:\S+/g, "functions:TAG")
    .replaceAll(" -var=region=europe-west1", "")
    .replaceAll(/--args=\S+/g, "--args");
}
