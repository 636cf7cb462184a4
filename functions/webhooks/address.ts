import { SOURCE_KINDS, type SourceKind } from "../../shared/event-source.ts";

/** What `POST /{kind}/{endpoint}` names. */
export interface Address {
  kind: SourceKind;
  endpointId: string;
}

const ADDRESS = /^\/([a-z-]{1,20})\/([A-Za-z0-9_-]{20,40})$/;

/** The address in a path, or null when it has the form of none. */
export function readAddress(path: string): Address | null {
  const [, name, endpointId] = ADDRESS.exec(path) ?? [];
  const kind = SOURCE_KINDS.find((known) => known === name);
  return kind === undefined || endpointId === undefined ? null : { kind, endpointId };
}
