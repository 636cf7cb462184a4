import { type Agent, request } from "node:http";
import { isAcknowledged } from "./pubsub-delivery.ts";

interface Push {
  url: string;
  token: string | null;
  body: string;
  agent: Agent;
  timeoutMs: number;
  mayRepeat: () => boolean;
}

/** Posts a push and resolves with the status; 102 counts as soon as it comes, as it does with Pub/Sub. */
export function post(push: Push): Promise<number> {
  const { url, token, body, agent, timeoutMs, mayRepeat } = push;
  return new Promise((resolve, reject) => {
    const sending = request(url, {
      method: "POST",
      agent,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": "CloudPubSub-Google",
      },
    });
    const timer = setTimeout(() => sending.destroy(new Error("no answer in time")), timeoutMs);
    sending.once("close", () => clearTimeout(timer));
    sending.on("error", (error) => {
      // The receiver closed an idle connection just as it was used again: nothing was delivered.
      const isStale = sending.reusedSocket && "code" in error && error.code === "ECONNRESET";
      if (isStale && mayRepeat()) resolve(post({ ...push, mayRepeat: () => false }));
      else reject(error);
    });
    sending.on("information", ({ statusCode }) => {
      if (isAcknowledged(statusCode)) resolve(statusCode);
    });
    sending.once("response", (response) => {
      response.once("error", reject);
      response.once("end", () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    sending.end(body);
  });
}
