import { hash } from "node:crypto";
import type { TranscriptFile } from "./find-transcripts.ts";
import { asArray, asCount, asObject, asText, asTime } from "./json-value.ts";
import type { JsonObject } from "./json-value.ts";
import type { TextLine } from "./line-reader.ts";
import { readUserLine } from "./prompt-text.ts";
import type { UserLine } from "./prompt-text.ts";
import type { Prompt, PromptEnd, PromptFacts } from "./prompts.ts";
import { NO_MODEL, readRequestLine } from "./request-line.ts";
import type { TranscriptModel } from "./transcript-model.ts";

/** A longer command is read again from its file when it is sent. */
const HELD_CHARS_MAX = 512;

type Asked = Extract<UserLine, { kind: "prompt" }>;
export type LineHandler = (entry: JsonObject, line: TextLine) => void;

/**
 * Reads a session's own file: each event belongs to the last prompt above it, because the file is written as things
 * happen. A background task that reports back, and the nested lines of a sub-agent, belong to the prompt whose tool use
 * started them.
 */
export function createSessionReader(
  model: TranscriptModel,
  file: TranscriptFile,
  fileIndex: number,
): LineHandler {
  const fileSession = file.session ?? file.path;
  const toolOwners = new Map<string, Prompt>();
  let current: Prompt | null = null;
  let working: Prompt | null = null;
  let compactions = 0;
  let attached = false;

  const ownerOf = (entry: JsonObject): Prompt =>
    current ?? model.orphansOf(asText(entry["sessionId"]) ?? fileSession);
  const ownerOfTool = (toolUseId: string | null): Prompt | null =>
    toolUseId === null ? null : (toolOwners.get(toolUseId) ?? null);

  const touch = (owner: Prompt, entry: JsonObject): PromptFacts => {
    const facts = model.factsOf(owner, fileIndex);
    facts.lastMs = Math.max(facts.lastMs, asTime(entry["timestamp"]) ?? facts.lastMs);
    owner.modifiedMs = Math.max(owner.modifiedMs, file.modifiedMs);
    return facts;
  };

  const beginPrompt = (entry: JsonObject, line: TextLine, { command, form }: Asked): void => {
    const sessionId = asText(entry["sessionId"]);
    const timestampMs = asTime(entry["timestamp"]);
    const lineId =
      asText(entry["uuid"]) ??
      hash("sha1", `${sessionId ?? fileSession}|${timestampMs ?? ""}|${command}`, "hex");
    const prompt = model.addPrompt(
      {
        rank: [sessionId === file.session ? 0 : 1, line.number, lineId],
        command,
        source:
          command.length <= HELD_CHARS_MAX
            ? copyOf(command)
            : { path: file.path, offset: line.offset, bytes: line.bytes },
        slash: form === "slash",
        sessionId,
        promptId: asText(entry["promptId"]),
        timestampMs,
        directory: asText(entry["cwd"]),
        branch: asText(entry["gitBranch"]),
        version: asText(entry["version"]),
        entrypoint: asText(entry["entrypoint"]),
      },
      sessionId === null || sessionId === fileSession ? [fileSession] : [fileSession, sessionId],
    );
    if (current !== null && current !== prompt) {
      current.superseded = true;
      // One prompt in two lines: its attachments first, then its text.
      current.absorbed ||= attached && current.timestampMs === timestampMs;
    }
    attached = form === "attachment";
    current = prompt;
    const facts = touch(prompt, entry);
    facts.compactions += compactions;
    compactions = 0;
  };

  const readUser: LineHandler = (entry, line) => {
    if (entry["isSidechain"] === true) {
      touch(ownerOf(entry), entry);
      return;
    }
    const user = readUserLine(entry);
    switch (user.kind) {
      case "prompt":
        beginPrompt(entry, line, user);
        return;
      case "notification": {
        // A local command starts nothing; what reports back then is older.
        const isLocal = current?.facts.get(fileIndex)?.end.kind === "local";
        current = ownerOfTool(user.toolUseId) ?? (isLocal ? working : current);
        const promptId = asText(entry["promptId"]);
        if (current !== null && promptId !== null) model.addPromptId(fileSession, promptId, current);
        touch(ownerOf(entry), entry);
        return;
      }
      case "result":
        setEnd(touch(ownerOf(entry), entry), entry, { kind: "open" });
        return;
      case "interruption":
        if (current !== null) setEnd(touch(current, entry), entry, { kind: "interrupted" });
        return;
      case "output": {
        const facts = current?.slash === true ? touch(current, entry) : null;
        if (facts?.end.kind === "open") setEnd(facts, entry, { kind: "local" });
        return;
      }
      case "context":
        return;
      default:
        user satisfies never;
    }
  };

  const readAssistant = (entry: JsonObject, owner: Prompt, agent: string | null): void => {
    const request = readRequestLine(entry, agent);
    if (request !== null) {
      model.requests.add(request, owner.index, fileIndex);
      for (const use of request.tools) if (use.id !== "") toolOwners.set(use.id, owner);
    }
  };

  const readSystem: LineHandler = (entry, line) => {
    if (entry["isSidechain"] === true) return;
    if (entry["subtype"] === "local_command") {
      readUser(entry, line);
      return;
    }
    const facts = current === null ? null : model.factsOf(current, fileIndex);
    switch (entry["subtype"]) {
      case "compact_boundary":
        // A compaction by hand is written above the command that asked for it.
        if (asObject(entry["compactMetadata"])?.["trigger"] === "manual" || facts === null) compactions += 1;
        else facts.compactions += 1;
        return;
      case "api_error":
        if (facts !== null) facts.apiErrors += 1;
        return;
      case "model_refusal_fallback":
        if (facts !== null) facts.refusals += 1;
        return;
      case "turn_duration":
        if (facts?.end.kind === "open" && current?.slash !== true) facts.end = { ...SURE_ANSWER };
        if (facts?.end.kind === "answered") facts.end = { ...facts.end, sure: true };
        return;
      case "stop_hook_summary":
        if (facts?.end.kind === "answered") facts.end = { ...facts.end, sure: true };
        return;
      default:
        return;
    }
  };

  return (entry, line) => {
    switch (entry["type"]) {
      case "user":
        return readUser(entry, line);
      case "assistant": {
        if (isFiller(entry)) return;
        const owner = ownerOf(entry);
        const facts = touch(owner, entry);
        readAssistant(entry, owner, asText(entry["agentId"]));
        if (entry["isSidechain"] === true) return;
        working = current;
        const end = endOfAssistantLine(entry);
        if (end.kind === "api-error") facts.apiErrors += 1;
        setEnd(facts, entry, end);
        return;
      }
      case "system":
        return readSystem(entry, line);
      case "attachment": {
        const attachment = asObject(entry["attachment"]);
        if (current === null || entry["isSidechain"] === true) return;
        if (attachment?.["type"] === "max_turns_reached") {
          setEnd(touch(current, entry), entry, { kind: "turn-limit" });
        } else if (attachment?.["type"] === "queued_command" && isFromUser(attachment)) {
          touch(current, entry).queuedPrompts += 1;
        }
        return;
      }
      case "progress": {
        const nested = asObject(asObject(entry["data"])?.["message"]);
        const owner =
          ownerOfTool(asText(entry["parentToolUseID"])) ??
          ownerOfTool(asText(entry["toolUseID"])) ??
          ownerOf(entry);
        touch(owner, entry);
        if (nested === null) return;
        const inner = { timestamp: entry["timestamp"], uuid: entry["uuid"], ...nested };
        readAssistant(inner, owner, asText(asObject(entry["data"])?.["agentId"]));
        return;
      }
      case "pr-link": {
        if (current === null) return;
        const facts = model.factsOf(current, fileIndex);
        facts.pullRequest = asCount(entry["prNumber"]) || null;
        facts.repository = asText(entry["prRepository"]);
        return;
      }
      default:
        return;
    }
  };
}

const SURE_ANSWER = { kind: "answered", sure: true, stopReason: null } as const;

function setEnd(facts: PromptFacts, entry: JsonObject, end: PromptEnd): void {
  const time = asTime(entry["timestamp"]) ?? facts.endMs;
  if (time < facts.endMs) return;
  facts.end = end;
  facts.endMs = time;
}

function endOfAssistantLine(entry: JsonObject): PromptEnd {
  const message = asObject(entry["message"]);
  if (entry["isApiErrorMessage"] === true) return { kind: "api-error", code: asText(entry["error"]) };
  const stopReason = asText(message?.["stop_reason"]);
  if (stopReason === "refusal") return { kind: "refused" };
  if (stopReason === "tool_use" || stopReason === "pause_turn") return { kind: "open" };
  if (stopReason !== null) return { kind: "answered", sure: true, stopReason };
  const types = new Set(asArray(message?.["content"]).map((block) => asObject(block)?.["type"]));
  if (types.has("tool_use") || !types.has("text")) return { kind: "open" };
  return { kind: "answered", sure: false, stopReason: null };
}

/** A line the agent writes into a conversation it takes up again, without asking a model. */
function isFiller(entry: JsonObject): boolean {
  return asObject(entry["message"])?.["model"] === NO_MODEL && entry["isApiErrorMessage"] !== true;
}

function isFromUser(attachment: JsonObject): boolean {
  const prompt = attachment["prompt"];
  const text = typeof prompt === "string" ? prompt : "";
  return attachment["commandMode"] !== "task-notification" && !text.startsWith("<task-notification");
}

/** A text of its own: a part of a long line would keep the whole line in memory. */
function copyOf(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}
