import { stripVTControlCharacters } from "node:util";
import { runDeployCli } from "../../../terraform/deploy.ts";
import {
  type Answer,
  type Command,
  commandText,
  type Question,
  type Reply,
  type World,
} from "../../../terraform/deploy/world.ts";

export const OLD = imageOf("a");
export const NEW = imageOf("b");
const PUBLIC = ["ingest", "webhooks", "insights", "health"] as const;

function imageOf(letter: string): string {
  return `europe-west1-docker.pkg.dev/my-project/netra-dev/functions@sha256:${letter.repeat(64)}`;
}

/** A project in which a deployment happens: what stands in it, and what is to go wrong. */
export interface FakeCloud {
  hasFoundation: boolean;
  /** The environment that stands there. */
  environment: "dev" | "prod";
  /** The image of each function; empty before the first deployment. */
  functions: Record<string, string>;
  jobImage: string | null;
  logins: string[];
  /** Logins that Terraform makes together with the functions. */
  loginsLater: string[];
  emptySecrets: string[];
  /** Tag and digest of each image that was pushed. */
  pushed: Map<string, string>;
  migrations: { image: string | null; args: string; servedThen: Record<string, string> }[];
  commands: string[];
  asked: Question[];
  missingPrograms: string[];
  deniedPermissions: string[];
  hasChanges: boolean;
  account: string;
  confirm: World["confirm"];
  env: Record<string, string>;
  settings: string | null;
  hasProviderLock: boolean;
  signal: string | null;
  /** Further changes in the n-th plan of everything. */
  surprises: Record<number, { address: string; type: string; actions: string[] }[]>;
  /** Called before a command runs; an answer stands in for what would happen. */
  intercept: (text: string, cloud: FakeCloud) => Partial<Answer> | undefined;
  /** How Google answers questions about rights; undefined is as `deniedPermissions` says. */
  google: () => Reply | undefined;
  /** How a function with this image answers; undefined is as it should be. */
  answer: (image: string, question: Question) => Reply | undefined;
}

/** A project with an old version that serves; what `change` says otherwise. */
export function makeCloud(change: Partial<FakeCloud> = {}): FakeCloud {
  return {
    hasFoundation: true,
    environment: "dev",
    functions: Object.fromEntries(PUBLIC.map((name) => [name, OLD])),
    jobImage: OLD,
    logins: ["netra-dev-ingest@my-project.iam"],
    loginsLater: [],
    emptySecrets: [],
    pushed: new Map(),
    migrations: [],
    commands: [],
    asked: [],
    missingPrograms: [],
    deniedPermissions: [],
    hasChanges: false,
    account: "you@example.com",
    confirm: null,
    env: { TF_VAR_owner_password: "owner-password-owner-password" },
    settings: 'project_id = "my-project"\n',
    hasProviderLock: true,
    signal: null,
    surprises: {},
    intercept: () => undefined,
    google: () => undefined,
    answer: () => undefined,
    ...change,
  };
}

/** Runs one command line of `npm run deploy` in the project. */
export async function deploy(
  cloud: FakeCloud,
  args: string[] = ["--yes"],
): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const say = (text: string): void => {
    err += stripVTControlCharacters(text);
  };
  const world: World = {
    run: async (command) => {
      const answer = run(cloud, command);
      if (command.isShown === true) say(answer.output);
      return answer;
    },
    ask: async (question) => ask(cloud, question),
    confirm: cloud.confirm,
    interruptedBy: () => cloud.signal,
    heading: say,
    tell: say,
    warn: say,
    sleep: async () => undefined,
    now: () => new Date("2026-11-21T12:00:00Z"),
    env: cloud.env,
    nodeVersion: "24.21.0",
    scratch: "/scratch",
    settings: cloud.settings,
    hasProviderLock: cloud.hasProviderLock,
    isDry: false,
  };
  const code = await runDeployCli(["--project", "my-project", "--env", "dev", ...args], {
    out: (text) => {
      out += text;
    },
    err: say,
    open: async () => ({ world, close: async () => undefined }),
  });
  return { code, out, err };
}

const plans = new WeakMap<FakeCloud, Map<string, { image: string | null; isJob: boolean; count: number }>>();

function run(cloud: FakeCloud, command: Command): Answer {
  const text = commandText(command);
  if (cloud.missingPrograms.includes(command.program)) return { code: null, stdout: "", output: "" };
  cloud.commands.push(text);
  const { code = 0, stdout = "", output = stdout } = cloud.intercept(text, cloud) ?? happen(cloud, command);
  return { code, stdout, output };
}

function happen(cloud: FakeCloud, { program, args }: Command): Partial<Answer> {
  if (program === "terraform" && args[0] === "version") {
    return { stdout: JSON.stringify({ terraform_version: "1.13.0" }) };
  }
  if (program === "terraform") return terraform(cloud, args);
  if (program === "gcloud") return gcloud(cloud, args);
  if (program === "git") {
    if (args[0] === "rev-parse") return { stdout: "0123456789ab\n" };
    return { stdout: cloud.hasChanges ? " M functions/ingest/handler.ts\n" : "" };
  }
  if (program === "docker" && args[0] === "push") {
    const image = args[1] ?? "";
    if (cloud.pushed.has(image)) return { code: 1, output: "tags are immutable" };
    cloud.pushed.set(image, NEW.slice(NEW.indexOf("sha256:")));
  }
  return {};
}

function terraform(cloud: FakeCloud, [, verb = "", ...args]: readonly string[]): Partial<Answer> {
  const kept = plans.get(cloud) ?? new Map();
  plans.set(cloud, kept);
  const file = args.at(-1) ?? "";
  switch (verb) {
    case "output":
      return { stdout: JSON.stringify(outputs(cloud)) };
    case "plan": {
      const image = args.find((arg) => arg.startsWith("-var=image="))?.slice("-var=image=".length) ?? null;
      const isJob = args.some((arg) => arg.startsWith("-target="));
      const count = [...kept.values()].filter((plan) => !plan.isJob).length;
      kept.set(file.slice("-out=".length), { image, isJob, count });
      return { code: changesOf(cloud, { image, isJob, count }).length === 0 ? 0 : 2 };
    }
    case "show":
      if (args[0] !== "-json") return { stdout: "what would change" };
      return {
        stdout: JSON.stringify({
          resource_changes: changesOf(cloud, kept.get(file)).map(({ address, type, actions }) => ({
            address,
            type,
            change: { actions },
          })),
        }),
      };
    case "apply": {
      const { image, isJob } = kept.get(file);
      cloud.hasFoundation = true;
      if (image === null) return {};
      cloud.jobImage = image;
      if (isJob) return {};
      for (const name of PUBLIC) cloud.functions[name] = image;
      cloud.logins.push(...cloud.loginsLater.splice(0));
      return {};
    }
    default:
      return {};
  }
}

interface FakePlan {
  image: string | null;
  isJob: boolean;
  count: number;
}

function changesOf(cloud: FakeCloud, plan: FakePlan | undefined) {
  if (plan === undefined) throw new Error("no such plan");
  const { image, isJob, count } = plan;
  if (!cloud.hasFoundation) {
    return [
      { address: "module.netra.module.database", type: "google_sql_database_instance", actions: ["create"] },
    ];
  }
  if (image === null) return [];
  const job = { address: "module.netra.module.migrate[0]", type: "google_cloud_run_v2_job" };
  const actionOf = (there: string | null | undefined): string[] =>
    there === undefined || there === null ? ["create"] : there === image ? ["no-op"] : ["update"];
  const changes = [
    { ...job, actions: actionOf(cloud.jobImage) },
    ...(isJob
      ? []
      : PUBLIC.map((name) => ({
          address: `module.netra.module.functions["${name}"]`,
          type: "google_cloud_run_v2_service",
          actions: actionOf(cloud.functions[name]),
        }))),
    ...(isJob ? [] : (cloud.surprises[count] ?? [])),
  ];
  return changes.filter(({ actions }) => actions[0] !== "no-op");
}

function outputs(cloud: FakeCloud) {
  if (!cloud.hasFoundation) return {};
  return {
    registry: { value: `europe-west1-docker.pkg.dev/my-project/netra-${cloud.environment}` },
    database: { value: { logins: Object.fromEntries(cloud.logins.map((login) => [login, login])) } },
    secrets: {
      value: Object.fromEntries(
        [
          "owner-password",
          "admin-clickhouse-url",
          "clickhouse-password",
          "clickhouse-retention-password",
        ].map((name) => [name, `netra-dev-${name}`]),
      ),
    },
    functions: {
      value: Object.fromEntries(
        Object.entries(cloud.functions).map(([name, image]) => [
          name,
          { uri: `https://${name}.example`, image, ingress: "x" },
        ]),
      ),
    },
  };
}

function gcloud(cloud: FakeCloud, args: readonly string[]): Partial<Answer> {
  const text = args.join(" ");
  if (text.startsWith("auth list")) return { stdout: `${cloud.account}\n` };
  if (text.startsWith("auth print-access-token")) return { stdout: "access-token-of-you\n" };
  if (text.startsWith("auth application-default")) return { stdout: "default-token-of-you\n" };
  if (text.startsWith("auth print-identity-token")) return { stdout: "identity-token-of-you\n" };
  if (text.startsWith("secrets versions list")) {
    return { stdout: cloud.emptySecrets.includes(args[3] ?? "") ? "" : "1\n" };
  }
  if (text.startsWith("artifacts docker images describe")) {
    const digest = cloud.pushed.get(args[4] ?? "");
    return digest === undefined ? { code: 1, output: "NOT_FOUND" } : { stdout: `${digest}\n` };
  }
  if (text.startsWith("run jobs execute")) {
    cloud.migrations.push({
      image: cloud.jobImage,
      args: args.find((arg) => arg.startsWith("--args=")) ?? "",
      servedThen: { ...cloud.functions },
    });
  }
  return {};
}

function ask(cloud: FakeCloud, question: Question): Reply {
  cloud.asked.push(question);
  const url = new URL(question.url);
  if (url.hostname.endsWith("googleapis.com")) {
    const other = cloud.google();
    if (other !== undefined) return other;
    const asked = (question.body as { permissions?: string[] } | undefined)?.permissions;
    const permissions = asked ?? url.searchParams.getAll("permissions");
    return json(200, { permissions: permissions.filter((name) => !cloud.deniedPermissions.includes(name)) });
  }
  const name = url.hostname.split(".")[0] ?? "";
  const image = cloud.functions[name] ?? "";
  return cloud.answer(image, question) ?? wellAnswer(name, url.pathname, question);
}

/** As the functions answer, which the test of the questions proves against the real ones. */
function wellAnswer(name: string, path: string, { method, token }: Question): Reply {
  if (name === "health") {
    return token === undefined ? { status: 403, type: "text/html", body: "" } : json(200, { status: "ok" });
  }
  if (path === "/v1/no-such-path") return problem(404);
  if (name === "webhooks") return problem(method === "GET" ? 405 : 404);
  if (name === "ingest" && method === "GET") return problem(405);
  return problem(401);
}

function json(status: number, body: unknown): Reply {
  return { status, type: "application/json", body: JSON.stringify(body) };
}

export function problem(status: number): Reply {
  return { status, type: "application/problem+json", body: "{}" };
}
