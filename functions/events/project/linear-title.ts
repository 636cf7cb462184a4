import type { Json } from "../../../shared/event-payload.ts";
import { at, firstLine, firstText, integer, text } from "./read-json.ts";

/** `KOR-11`, which older bodies have only in parts. */
export function identifierOf(data: Json): string | null {
  const key = text(at(data, "team", "key"));
  const number = integer(at(data, "number"));
  return text(at(data, "identifier")) ?? (key === null || number === null ? null : `${key}-${number}`);
}

/** What an entity is called; a comment by its first line. */
export function titleOf(data: Json): string | null {
  return firstText(at(data, "title"), at(data, "name")) ?? firstLine(at(data, "body"));
}
