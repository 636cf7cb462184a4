import { patternSignature } from "../../shared/agent/pattern-signature.ts";
import type { ScannedGroup } from "../../shared/postgres/pattern-scan.ts";

/** Signatures of groups, each shape's worked out once. */
export type Signatures = (group: Pick<ScannedGroup, "shapeKey" | "shape">) => string;

const KNOWN_MAX = 20_000;

export function createSignatures(): Signatures {
  const known = new Map<string, string>();
  return ({ shapeKey, shape }) => {
    const found = known.get(shapeKey);
    if (found !== undefined) return found;
    const signature = patternSignature(shape());
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(shapeKey, signature);
    return signature;
  };
}
