import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";

/** Names a process so that another one, started later under the same number, is not taken for it. */
export const processIdentity = z.object({
  host: z.string(),
  pid: z.int().positive(),
  /** Opaque mark of the start; null where the system does not tell. */
  started: z.string().nullable(),
});
export type ProcessIdentity = z.infer<typeof processIdentity>;

export function identifyProcess(pid: number): ProcessIdentity {
  return { host: hostname(), pid, started: startMark(pid) };
}

/** Whether the process still runs; "elsewhere" when it belongs to another machine and cannot be looked at. */
export function findProcess(identity: ProcessIdentity): "running" | "gone" | "elsewhere" {
  if (identity.host !== hostname()) return "elsewhere";
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // EPERM: it is there, but another user's.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return "gone";
  }
  if (identity.started === null) return "running";
  return startMark(identity.pid) === identity.started ? "running" : "gone";
}

function startMark(pid: number): string | null {
  if (process.platform === "linux") return linuxStartMark(pid);
  if (process.platform === "win32") return null;
  try {
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      timeout: 2_000,
      stdio,
    });
    return text.trim() === "" ? null : text.trim();
  } catch {
    return null;
  }
}

/** Boot id and start in clock ticks since boot: fields of proc(5), the latter counted after the name in brackets. */
function linuxStartMark(pid: number): string | null {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended; only its parent has not looked yet.
    if (fields[0] === "Z" || fields[0] === "X") return null;
    return `${boot}/${fields[19]}`;
  } catch {
    return null;
  }
}
