import { LIMITS } from "../../shared/agent/execution.ts";
import type { Fault } from "../../shared/errors.ts";
import { pointerTo } from "./read-records.ts";

/** Members of the stored output that the server writes itself. */
const RESERVED = ["usage", "requests"];

/**
 * What is wrong with the sender's free-form `output`, and about how many bytes of JSON it is. Checks depth
 * before anything recurses into it; what is too deep is not weighed.
 */
export function inspectOutput(output: Readonly<Record<string, unknown>> | null | undefined): {
  faults: Fault[];
  bytes: number;
} {
  const faults: Fault[] = [];
  if (output === null || output === undefined) return { faults, bytes: 0 };
  for (const name of RESERVED) {
    if (!(name in output)) continue;
    faults.push({
      pointer: pointerTo("output", name),
      detail: `is written by the server; send ${name} beside output`,
    });
  }
  let bytes = weigh(output, LIMITS.outputDepthMax);
  if (bytes === TOO_DEEP) {
    faults.push({ pointer: "/output", detail: `is nested deeper than ${LIMITS.outputDepthMax} levels` });
    return { faults, bytes: 0 };
  }
  if (bytes * UNIT_BYTES_MAX > LIMITS.outputBytesMax) bytes = Buffer.byteLength(JSON.stringify(output));
  if (bytes > LIMITS.outputBytesMax) {
    faults.push({ pointer: "/output", detail: `is over ${LIMITS.outputBytesMax} bytes` });
  }
  return { faults, bytes };
}

const TOO_DEEP = Infinity;
/** The longest JSON of one UTF-16 unit: `\u0000`. */
const UNIT_BYTES_MAX = 6;
/** Quotes or brackets, and the comma or colon behind them. */
const AROUND_BYTES = 3;
/** The longest number, `-1.2345678901234567e-300`, and what stands behind it. */
const SCALAR_BYTES_MAX = 26;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** The JSON of the value in UTF-16 units, escapes counted as what they stand for; TOO_DEEP past so many levels. */
function weigh(value: unknown, levels: number): number {
  if (levels < 0) return TOO_DEEP;
  if (typeof value === "string") return AROUND_BYTES + value.length;
  if (!isObject(value)) return SCALAR_BYTES_MAX;
  let units = AROUND_BYTES;
  if (Array.isArray(value)) {
    for (const member of value) units += weigh(member, levels - 1);
    return units;
  }
  for (const name in value) units += AROUND_BYTES + name.length + weigh(value[name], levels - 1);
  return units;
}
