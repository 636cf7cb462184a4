import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

interface Answer {
  status: number;
  body: string;
}

interface Outgoing {
  method: "GET" | "POST";
  headers: Readonly<Record<string, string>>;
  body?: string;
  signal: AbortSignal;
}

const ANSWER_BYTES_MAX = 1024 * 1024;

/**
 * Sends one request and reads the whole answer; rejects when there is none, or more than 1 MiB of it. Redirects are not
 * followed; connections stay open for 5 s. Node's `fetch` would do the same, and takes 30 ms to load at a cold start.
 */
export function sendRequest(url: string, { method, headers, body, signal }: Outgoing): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    let hasBegun = false;
    const outgoing = send(url, { method, headers, signal }, (incoming) => {
      hasBegun = true;
      resolve(readAnswer(incoming));
    });
    outgoing.on("error", reject);
    // An answer that changes the protocol ends without an error.
    outgoing.on("close", () => {
      if (!hasBegun) reject(new Error("the connection was closed without an answer"));
    });
    outgoing.end(body);
  });
}

async function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return { status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") };
}
