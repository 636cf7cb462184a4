import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";
import { setBounded } from "../bounded-map.ts";

const BUNDLED = /(file:\/\/[^()\s]+\.mjs):(\d+):(\d+)/;
const UPWARDS = /^(\.\.\/)+/;

/** By the bundle's address; null where there is no map. A function has five bundles at most. */
const maps = new Map<string, SourceMap | null>();
const MAPS_MAX = 20;

/**
 * A frame of a stack, with its place in the sources where it lies in a bundle. Node can do that by itself
 * (`--enable-source-maps`), but reads the maps as it starts, which is a third of a start; here one is read for the first
 * error that lies in it, in 20 ms.
 */
export function sourceFrame(frame: string): string {
  return frame.replace(BUNDLED, (place: string, bundle: string, line: string, column: string) => {
    // Both are counted from zero in a map, and from one in a stack.
    const entry = mapOf(bundle)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !("originalSource" in entry)) return place;
    const source = entry.originalSource.replace(UPWARDS, "");
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

function mapOf(bundle: string): SourceMap | null {
  const known = maps.get(bundle);
  if (known !== undefined) return known;
  const map = readMap(bundle);
  setBounded(maps, bundle, map, MAPS_MAX);
  return map;
}

/** Null for one that is not there or is none: the place in the bundle has to do then. */
function readMap(bundle: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(bundle)}.map`, "utf8")));
  } catch {
    return null;
  }
}
