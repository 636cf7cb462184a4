import { setTimeout as delay } from "node:timers/promises";
import { type ContainerRuntimeClient, getContainerRuntimeClient } from "testcontainers";

/** On every container of a test run: which run it belongs to. */
export const RUN_LABEL = "dev.netra.test-run";

const ANSWER_MS = 30_000;

/** The container engine of this machine, or an error that says how to come to one. */
export async function askContainerEngine(): Promise<ContainerRuntimeClient> {
  const asked = process.env["DOCKER_HOST"];
  try {
    return await Promise.race([getContainerRuntimeClient(), noAnswer()]);
  } catch (cause) {
    const where = asked === undefined ? "at the usual places" : `at DOCKER_HOST=${asked} or the usual places`;
    throw new Error(
      `TEST_STACK=containers needs a container engine, and none answers ${where}. Start one (\`docker info\` must answer), ` +
        "or set DOCKER_HOST to its address. Without an engine leave TEST_STACK out: `npm test` brings its own servers.",
      { cause },
    );
  }
}

async function noAnswer(): Promise<never> {
  await delay(ANSWER_MS, undefined, { ref: false });
  throw new Error(`no answer in ${ANSWER_MS} ms`);
}

/** Removes a container with what it stored, running or not; one that is gone or about to be is left alone. */
export async function removeContainer(engine: ContainerRuntimeClient, id: string): Promise<void> {
  try {
    await engine.container.getById(id).remove({ force: true, v: true });
  } catch (error) {
    if (!isGoing(error)) throw error;
  }
}

/** Removes every running container of a run. */
export async function removeContainersOf(run: string): Promise<void> {
  const engine = await askContainerEngine();
  const containers = (await engine.container.list()).filter(({ Labels }) => Labels[RUN_LABEL] === run);
  await Promise.all(containers.map(({ Id }) => removeContainer(engine, Id)));
}

/** Not found, or under removal. */
function isGoing(error: unknown): boolean {
  return error instanceof Error && "statusCode" in error && [404, 409].includes(Number(error.statusCode));
}
