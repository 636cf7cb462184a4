import { LIMITS } from "../../shared/agent/execution.ts";
import type { Fault } from "../../shared/errors.ts";
import { pointerTo } from "./read-records.ts";

/** Members of the stored output that the server writes itself. */
const RESERVED = ["usage", "requests"];

/**
 * What is wrong with the sender's free-form `output`, and how many bytes of JSON it is. Checks depth before anything
 * recurses into it; what is too deep is not weighed.
 */
export function inspectOutput(output: Readonly<Record<string, unknown>> | null | undefined): {
  faults: Fault[];
  bytes: number;
} {
  if (output === null || output === undefined) return { faults: [], bytes: 0 };
  const faults = RESERVED.filter((name) => name in output).map((name) => ({
    pointer: pointerTo("output", name),
    detail: `is written by the server; send ${name} beside output`,
  }));
  if (depthExceeds(output, LIMITS.outputDepthMax)) {
    faults.push({ pointer: "/output", detail: `is nested deeper than ${LIMITS.outputDepthMax} levels` });
    return { faults, bytes: 0 };
  }
  const bytes = Buffer.byteLength(JSON.stringify(output));
  if (bytes > LIMITS.outputBytesMax) {
    faults.push({ pointer: "/output", detail: `is over ${LIMITS.outputBytesMax} bytes` });
  }
  return { faults, bytes };
}

function depthExceeds(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true;
    level = level.flatMap((member) =>
      typeof member === "object" && member !== null ? Object.values(member) : [],
    );
  }
  return false;
}
