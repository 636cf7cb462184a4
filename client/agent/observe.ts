import type { Usage } from "../../shared/agent/usage.ts";
import type {
  AgentMessage,
  AssistantMessage,
  ModelTotals,
  ResultMessage,
  StreamEventMessage,
  TokenUsage,
} from "./messages.ts";

/** One model request as the stream showed it. */
export interface ObservedRequest {
  readonly id: string;
  readonly model: string;
  readonly timestamp: string;
  readonly usage: Usage;
  /** False while only the placeholder of a started answer is known: the output tokens are then no count. */
  readonly outputKnown: boolean;
  readonly mainLoop: boolean;
  readonly fast: boolean;
  readonly inferenceGeo: string | null;
  readonly webSearches: number;
}

/** What a run said about itself. */
export interface Observation {
  readonly sessionId: string | null;
  readonly agentVersion: string | null;
  readonly model: string | null;
  readonly permissionMode: string | null;
  readonly requests: readonly ObservedRequest[];
  /** More requests were seen than are kept. */
  readonly requestsIncomplete: boolean;
  readonly toolCalls: number;
  readonly tools: Readonly<Record<string, number>>;
  /** The last result; an agent with background work can give several. */
  readonly result: ResultMessage | null;
  /** Results in the order they came, as far as totals go. */
  readonly results: readonly ResultTotals[];
  /** True when the output was that of Claude Code in a JSON format. */
  readonly understood: boolean;
}

interface ResultTotals {
  readonly usage: TokenUsage | null;
  readonly sinceLast: ModelTotals | null;
  readonly numTurns: number | null;
}

export interface Observer {
  add(message: AgentMessage): void;
  readonly observation: Observation;
}

const OBSERVER_LIMITS = {
  requestsMax: 10_000,
  toolNamesMax: 30,
  toolCallsMax: 200_000,
  resultsMax: 1_000,
};
/** Lines the agent wrote itself, without asking a model, carry this name. */
const NO_MODEL = "<synthetic>";
const NO_GEO = new Set(["", "not_available"]);

/** Gathers what the ledger needs from the messages of one run, in bounded memory. */
export function createObserver(now: () => number, limits = OBSERVER_LIMITS): Observer {
  const requests = new Map<string, ObservedRequest>();
  const toolIds = new Set<string>();
  const tools = new Map<string, number>();
  const results: ResultTotals[] = [];
  /** Key of the request behind a message id. */
  const keys = new Map<string, string>();
  /** The message each loop, main or sub-agent, is writing just now. */
  const open = new Map<string, string>();
  let head: { sessionId: string | null; version: string | null; model: string | null; mode: string | null } =
    {
      sessionId: null,
      version: null,
      model: null,
      mode: null,
    };
  let result: ResultMessage | null = null;
  let requestsIncomplete = false;
  let understood = false;

  const merge = (request: ObservedRequest): void => {
    const known = requests.get(request.id);
    if (known === undefined && requests.size >= limits.requestsMax) requestsIncomplete = true;
    else requests.set(request.id, known === undefined ? request : mergeRequest(known, request));
  };

  const addAssistant = (message: AssistantMessage): void => {
    const { message: inner } = message;
    for (const block of inner.content ?? []) {
      if (block.type !== "tool_use" || block.name === undefined) continue;
      const id = block.id ?? `${inner.id}/${toolIds.size}`;
      if (toolIds.has(id) || toolIds.size >= limits.toolCallsMax) continue;
      toolIds.add(id);
      const name = tools.has(block.name) || tools.size < limits.toolNamesMax ? block.name : "other";
      tools.set(name, (tools.get(name) ?? 0) + 1);
    }
    if (inner.id === undefined || inner.model === undefined || inner.model === NO_MODEL) return;
    if (inner.usage === undefined) return;
    const outputKnown = typeof inner.stop_reason === "string";
    const requestId = message.request_id === undefined ? "" : `|${message.request_id}`;
    if (keys.size < limits.requestsMax) keys.set(inner.id, `${inner.id}${requestId}`);
    const place = { id: `${inner.id}${requestId}`, model: inner.model, mainLoop: isMain(message) };
    merge(toRequest(place, inner.usage, outputKnown, timeOf(message.timestamp, now)));
  };

  const addEvent = ({ event, ...message }: StreamEventMessage): void => {
    const loop = message.parent_tool_use_id ?? "";
    if (event.type === "message_start") {
      if (event.message.id !== undefined) open.set(loop, event.message.id);
      return;
    }
    const id = open.get(loop);
    const output = event.usage?.output_tokens;
    if (id === undefined || output === undefined) return;
    const key = keys.get(id);
    const request = key === undefined ? undefined : requests.get(key);
    if (request === undefined) return;
    const usage = { ...request.usage, output_tokens: output };
    requests.set(request.id, { ...request, usage, outputKnown: true });
  };

  const addResult = (message: ResultMessage): void => {
    result = message;
    if (results.length >= limits.resultsMax) return;
    results.push({
      usage: message.usage ?? null,
      sinceLast: message.model_usage_since_last_result ?? null,
      numTurns: message.num_turns ?? null,
    });
  };

  return {
    add(message) {
      understood = true;
      if (message.type === "assistant") addAssistant(message);
      else if (message.type === "stream_event") addEvent(message);
      else if (message.type === "result") addResult(message);
      else {
        head = {
          sessionId: message.session_id ?? head.sessionId,
          version: message.claude_code_version ?? head.version,
          model: message.model ?? head.model,
          mode: message.permissionMode ?? head.mode,
        };
      }
    },
    get observation() {
      return {
        sessionId: result?.session_id ?? head.sessionId,
        agentVersion: head.version,
        model: head.model,
        permissionMode: head.mode,
        requests: [...requests.values()],
        requestsIncomplete,
        toolCalls: toolIds.size,
        tools: Object.fromEntries(tools),
        result,
        results,
        understood,
      };
    },
  };
}

/** Cache writes are split by lifetime where the line says so; what it leaves open counts as the 5 minute kind. */
export function toUsage(usage: TokenUsage): Usage {
  const written = usage.cache_creation_input_tokens ?? 0;
  const written1h = usage.cache_creation?.ephemeral_1h_input_tokens ?? 0;
  const written5m = usage.cache_creation?.ephemeral_5m_input_tokens ?? 0;
  return {
    input_tokens: usage.input_tokens ?? 0,
    output_tokens: usage.output_tokens ?? 0,
    cache_read_tokens: usage.cache_read_input_tokens ?? 0,
    cache_write_5m_tokens: Math.max(written5m, written - written1h),
    cache_write_1h_tokens: written1h,
  };
}

function toRequest(
  place: { id: string; model: string; mainLoop: boolean },
  usage: TokenUsage,
  outputKnown: boolean,
  timestamp: string,
): ObservedRequest {
  const geo = usage.inference_geo;
  return {
    ...place,
    timestamp,
    usage: toUsage(usage),
    outputKnown,
    fast: usage.speed === "fast",
    inferenceGeo: geo === undefined || NO_GEO.has(geo) ? null : geo,
    webSearches: usage.server_tool_use?.web_search_requests ?? 0,
  };
}

/** Several lines tell of one request, the earlier ones with smaller counts. */
function mergeRequest(a: ObservedRequest, b: ObservedRequest): ObservedRequest {
  const [less, more] = a.outputKnown && !b.outputKnown ? [b, a] : [a, b];
  const most = (kind: keyof Usage): number => Math.max(a.usage[kind], b.usage[kind]);
  return {
    ...more,
    timestamp: a.timestamp,
    fast: a.fast || b.fast,
    inferenceGeo: more.inferenceGeo ?? less.inferenceGeo,
    webSearches: Math.max(a.webSearches, b.webSearches),
    usage: {
      input_tokens: most("input_tokens"),
      output_tokens: a.outputKnown === b.outputKnown ? most("output_tokens") : more.usage.output_tokens,
      cache_read_tokens: most("cache_read_tokens"),
      cache_write_5m_tokens: most("cache_write_5m_tokens"),
      cache_write_1h_tokens: most("cache_write_1h_tokens"),
    },
  };
}

function isMain(message: AssistantMessage): boolean {
  return typeof message.parent_tool_use_id !== "string";
}

function timeOf(text: string | undefined, now: () => number): string {
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return new Date(Number.isNaN(at) ? now() : at).toISOString();
}
