import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export type Line = Record<string, unknown>;

export const SESSION = "11111111-1111-4111-8111-111111111111";
export const START = Date.parse("2026-03-01T09:00:00.000Z");

export function at(seconds: number): string {
  return new Date(START + seconds * 1000).toISOString();
}

function makeLine(type: string, id: string, seconds: number, more: Line): Line {
  return {
    parentUuid: null,
    isSidechain: false,
    userType: "external",
    cwd: "/home/ada/shop",
    sessionId: SESSION,
    version: "2.1.100",
    gitBranch: "main",
    type,
    uuid: id,
    timestamp: at(seconds),
    ...more,
  };
}

export function makePrompt(id: string, seconds: number, content: unknown, more: Line = {}): Line {
  return makeLine("user", id, seconds, { message: { role: "user", content }, ...more });
}

export function makeToolResult(id: string, seconds: number, toolUseId: string, more: Line = {}): Line {
  const content = [{ type: "tool_result", tool_use_id: toolUseId, content: "done" }];
  return makePrompt(id, seconds, content, { toolUseResult: { ok: true }, ...more });
}

export interface Reply {
  readonly message: string;
  readonly request?: string | null;
  readonly model?: string;
  readonly stop?: string | null;
  readonly input?: number;
  readonly output?: number;
  readonly read?: number;
  readonly write5m?: number;
  readonly write1h?: number;
  readonly tool?: { id: string; name: string };
  readonly usage?: Line;
}

/** One line of an assistant message; a message has one for each content block. */
export function makeReply(id: string, seconds: number, reply: Reply, more: Line = {}): Line {
  const { write5m = 0, write1h = 0, tool } = reply;
  const request = reply.request === undefined ? `req_${reply.message}` : reply.request;
  return makeLine("assistant", id, seconds, {
    ...(request === null ? {} : { requestId: request }),
    message: {
      id: reply.message,
      type: "message",
      role: "assistant",
      model: reply.model ?? "claude-sonnet-4-6",
      stop_reason: reply.stop === undefined ? (tool === undefined ? "end_turn" : "tool_use") : reply.stop,
      content:
        tool === undefined
          ? [{ type: "text", text: "secret answer" }]
          : [{ type: "tool_use", input: {}, ...tool }],
      usage: {
        input_tokens: reply.input ?? 1,
        output_tokens: reply.output ?? 10,
        cache_read_input_tokens: reply.read ?? 0,
        cache_creation_input_tokens: write5m + write1h,
        cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
        ...reply.usage,
      },
    },
    ...more,
  });
}

export function makeSystem(id: string, seconds: number, subtype: string, more: Line = {}): Line {
  return makeLine("system", id, seconds, { subtype, ...more });
}

export function makeAttachment(id: string, seconds: number, attachment: Line): Line {
  return makeLine("attachment", id, seconds, { attachment });
}

export function makeNested(id: string, seconds: number, toolUseId: string, nested: Line): Line {
  const data = { type: "agent_progress", agentId: "nested1", message: nested };
  return makeLine("progress", id, seconds, { parentToolUseID: toolUseId, toolUseID: "agent_msg_1", data });
}

export function formatLines(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

export async function writeFiles(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}
