import { createHmac, randomUUID } from "node:crypto";
import { makeExecution } from "./make-execution.ts";

/** A request that a function answers with 2xx when it is whole, made anew each time. */
export interface FirstAnswer {
  /** Whether the answer needs the database. */
  asksDatabase: boolean;
  request: () => { method: string; path: string; headers: Record<string, string>; body: string };
}

export interface FirstAnswerSetting {
  /** A key with all scopes. */
  key: string;
  /** A GitHub source's id in its address, and its secret. */
  endpointId: string;
  secret: string;
}

/** Such a request for each function. */
export function firstAnswers({ key, endpointId, secret }: FirstAnswerSetting): Record<string, FirstAnswer> {
  const authorization = `Bearer ${key}`;
  const json = { "content-type": "application/json" };
  const job = (path: string): FirstAnswer => ({
    asksDatabase: true,
    request: () => ({ method: "POST", path, headers: json, body: "{}" }),
  });
  return {
    ingest: {
      asksDatabase: true,
      request: () => ({
        method: "POST",
        path: "/v1/executions",
        headers: { ...json, authorization },
        body: JSON.stringify(makeExecution()),
      }),
    },
    insights: {
      asksDatabase: true,
      request: () => ({
        method: "GET",
        path: "/v1/summary?source=ledger",
        headers: { authorization },
        body: "",
      }),
    },
    webhooks: {
      asksDatabase: true,
      request() {
        const body = JSON.stringify({ zen: randomUUID(), hook_id: 1 });
        const signature = createHmac("sha256", secret).update(body).digest("hex");
        return {
          method: "POST",
          path: `/github/${endpointId}`,
          headers: {
            ...json,
            "x-github-event": "ping",
            "x-github-delivery": randomUUID(),
            "x-hub-signature-256": `sha256=${signature}`,
          },
          body,
        };
      },
    },
    events: job("/sweep"),
    patterns: job("/run"),
    retention: job("/run"),
    health: {
      asksDatabase: false,
      request: () => ({ method: "GET", path: "/live", headers: {}, body: "" }),
    },
  };
}
