import { spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Of util-linux: runs a program as another user, with the capabilities it is told to keep. */
const SETPRIV = "setpriv";

/** How to start a program: as this process's own user, or from root as someone who is not root. */
export interface RunAs {
  /** The user and group the program runs as, or null when it is simply our own. */
  identity: { uid: number; gid: number } | null;
  command: (program: string, args: readonly string[]) => { file: string; args: string[] };
  spawnIdentity: { uid?: number; gid?: number };
}

const OWN_USER: RunAs = {
  identity: null,
  command: (file, args) => ({ file, args: [...args] }),
  spawnIdentity: {},
};

/**
 * PostgreSQL refuses to run as root. For root this picks the owner of `dataDirectory` when that is somebody else,
 * otherwise the system's `nobody`; no user is created. Where `nobody` could not even reach the binaries or the data
 * (a checkout below /root, which is 0700), the program keeps the one capability that passes such folders.
 */
export async function chooseRunAs(paths: { program: string; dataDirectory: string }): Promise<RunAs> {
  if (process.getuid?.() !== 0) return OWN_USER;
  const identity = (await findOwner(paths.dataDirectory)) ?? (await findNobody());
  const reachable = (await isReachable(paths.program)) && (await isReachable(paths.dataDirectory));
  if (reachable) {
    return {
      identity,
      command: (file, args) => ({ file, args: [...args] }),
      spawnIdentity: identity,
    };
  }
  const flags = [
    `--reuid=${identity.uid}`,
    `--regid=${identity.gid}`,
    "--clear-groups",
    // Without this access(2), which initdb asks about its own files, leaves the capability aside.
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
  ];
  const trial = spawnSync(SETPRIV, [...flags, paths.program, "--version"], {
    stdio: "ignore",
    timeout: 10_000,
  });
  if (trial.status !== 0) {
    throw new Error(
      `PostgreSQL cannot run as root, and user id ${identity.uid} cannot reach ${paths.program} or ${paths.dataDirectory}. ` +
        "Start as an ordinary user, use folders that others may enter, or install setpriv (util-linux).",
    );
  }
  return {
    identity,
    command: (file, args) => ({ file: SETPRIV, args: [...flags, file, ...args] }),
    spawnIdentity: {},
  };
}

async function findOwner(path: string): Promise<{ uid: number; gid: number } | null> {
  const found = await stat(path).catch(() => null);
  return found === null || found.uid === 0 ? null : { uid: found.uid, gid: found.gid };
}

async function findNobody(): Promise<{ uid: number; gid: number }> {
  const passwd = await readFile("/etc/passwd", "utf8");
  const fields = passwd
    .split("\n")
    .find((line) => line.startsWith("nobody:"))
    ?.split(":");
  const uid = Number(fields?.[2]);
  const gid = Number(fields?.[3]);
  if (!Number.isInteger(uid) || !Number.isInteger(gid) || uid <= 0) {
    throw new Error(
      "PostgreSQL cannot run as root and this system has no user nobody; start as an ordinary user.",
    );
  }
  return { uid, gid };
}

/** Whether everybody may pass through each folder above the path. */
async function isReachable(path: string): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => null);
    if (found === null || (found.mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
