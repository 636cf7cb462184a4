import { z } from "zod";
import { type Question, stopIfAsked, type World } from "./world.ts";

/** What stands in the way, and what to do about it. */
export interface Fault {
  fault: string;
  step: string;
}

/** Rights on the project without which a roll-out would stop half way. */
export const ROLL_OUT_RIGHTS = [
  "run.services.update",
  "run.jobs.update",
  "run.jobs.run",
  "run.jobs.runWithOverrides",
  "cloudscheduler.jobs.update",
  "pubsub.subscriptions.update",
  "monitoring.alertPolicies.update",
  "secretmanager.versions.list",
  "cloudsql.instances.get",
  "serviceusage.services.use",
] as const;

/** Rights that making everything takes besides. */
export const FOUND_RIGHTS = [
  "serviceusage.services.enable",
  "resourcemanager.projects.setIamPolicy",
  "iam.serviceAccounts.create",
  "iam.serviceAccounts.actAs",
  "compute.networks.create",
  "servicenetworking.services.addPeering",
  "cloudsql.instances.create",
  "artifactregistry.repositories.create",
  "secretmanager.secrets.create",
  "storage.buckets.create",
  "run.services.create",
] as const;

interface RightsQuestion extends Omit<Question, "dryAnswer"> {
  permissions: readonly string[];
}

/** Which of them somebody has in a project. */
export function askRights(project: string, token: string, permissions: readonly string[]): RightsQuestion {
  return {
    title: `rights in the project ${project}`,
    method: "POST",
    url: `https://cloudresourcemanager.googleapis.com/v3/projects/${project}:testIamPermissions`,
    token,
    body: { permissions },
    permissions,
  };
}

/** Whether somebody may push to a registry, REGION-docker.pkg.dev/PROJECT/REPOSITORY. */
export function repositoryRights(registry: string, token: string): RightsQuestion {
  const [host = "", project = "", repository = ""] = registry.split("/");
  const location = host.replace(/-docker\.pkg\.dev$/, "");
  const permissions = ["artifactregistry.repositories.uploadArtifacts"];
  return {
    title: `rights on the registry ${registry}`,
    method: "POST",
    url: `https://artifactregistry.googleapis.com/v1/projects/${project}/locations/${location}/repositories/${repository}:testIamPermissions`,
    token,
    body: { permissions },
    permissions,
  };
}

const grantedSchema = z.object({ permissions: z.array(z.string()).default([]) });

/**
 * Asks which permissions are there, and turns those that are lacking into a fault: all of them where Google refuses to tell,
 * such as about what is not there.
 */
export async function checkRights(
  world: World,
  question: RightsQuestion,
  describe: (missing: string) => Fault,
): Promise<Fault[]> {
  stopIfAsked(world);
  const { permissions, ...rest } = question;
  const dryAnswer = { status: 200, type: "application/json", body: JSON.stringify({ permissions }) };
  const reply = await world.ask({ ...rest, dryAnswer });
  if (reply.status === null) {
    return [
      {
        fault: `Google did not tell your ${question.title}: ${reply.body}`,
        step: "go online, and try again",
      },
    ];
  }
  if (reply.status !== 200) return [describe(`Google answers ${reply.status}`)];
  const granted = new Set(grantedSchema.parse(JSON.parse(reply.body)).permissions);
  const missing = permissions.filter((permission) => !granted.has(permission));
  return missing.length === 0 ? [] : [describe(missing.join(", "))];
}
