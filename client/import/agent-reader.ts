import type { TranscriptFile } from "./find-transcripts.ts";
import { asObject, asText, asTime } from "./json-value.ts";
import { readUserLine } from "./prompt-text.ts";
import type { Prompt } from "./prompts.ts";
import { readRequestLine } from "./request-line.ts";
import type { LineHandler } from "./session-reader.ts";
import type { TranscriptModel } from "./transcript-model.ts";

/**
 * Reads the file of a sub-agent, after the files of all sessions. It belongs to the prompt its lines name, else to the
 * one that was being worked on when the agent was given its task; an agent that is given another one later can so move
 * on to another prompt.
 */
export function createAgentReader(
  model: TranscriptModel,
  file: TranscriptFile,
  fileIndex: number,
): LineHandler {
  let owner: Prompt | null = null;
  return (entry) => {
    const timestampMs = asTime(entry["timestamp"]);
    const isUser = entry["type"] === "user";
    if (owner === null || (isUser && readUserLine(entry).kind === "prompt")) {
      const session = file.session ?? asText(entry["sessionId"]);
      if (session === null) return;
      owner = model.promptAt(session, asText(entry["promptId"]), timestampMs);
    }
    const agent = asText(entry["agentId"]) ?? file.agent;
    const nested = entry["type"] === "progress" ? asObject(asObject(entry["data"])?.["message"]) : null;
    const line =
      nested === null
        ? entry
        : { timestamp: entry["timestamp"], uuid: entry["uuid"], isSidechain: true, ...nested };
    const request = entry["type"] === "assistant" || nested !== null ? readRequestLine(line, agent) : null;
    if (request !== null) model.requests.add(request, owner.index, fileIndex);
    if (isUser || request !== null) {
      owner.agentMs = Math.max(owner.agentMs, timestampMs ?? owner.agentMs);
      owner.modifiedMs = Math.max(owner.modifiedMs, file.modifiedMs);
    }
  };
}
