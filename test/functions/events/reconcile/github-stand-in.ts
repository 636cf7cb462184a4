import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An attempt as GitHub's REST interface shows it. */
export interface Attempt {
  /** Digits; written as a JSON number, however large. */
  id: string;
  guid: string;
  deliveredAt: number;
  redelivery: boolean;
  statusCode: number;
  event: string;
}

export interface GithubStandIn {
  url: string;
  attempts: Attempt[];
  /** Ids of the attempts that were asked for again. */
  redelivered: string[];
  /** Every request, as `GET /path?query`. */
  requests: string[];
  /** Answers the next requests in place of the stand-in while it gives an answer. */
  intercept: (
    answer: ((request: string) => { status: number; headers?: Record<string, string> } | null) | null,
  ) => void;
  /** Resolves once that many requests are held; they go on when `release` is called. */
  hold: () => { release: () => void };
  close: () => Promise<void>;
}

const TOKEN = "github_pat_right";

/** GitHub's endpoints for the deliveries of hooks, at /repos/acme/app/hooks/7 and /orgs/acme/hooks/8. */
export async function startGithub(options: { pageSize?: number } = {}): Promise<GithubStandIn> {
  const pageSize = options.pageSize ?? 100;
  const attempts: Attempt[] = [];
  const redelivered: string[] = [];
  const requests: string[] = [];
  let intercepted: Parameters<GithubStandIn["intercept"]>[0] = null;
  let held: Promise<void> = Promise.resolve();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = new URL(request.url ?? "/", `http://${request.headers.host ?? ""}`);
    const line = `${request.method ?? ""} ${address.pathname}${address.search}`;
    requests.push(line);
    await held;
    const other = intercepted?.(line) ?? null;
    if (other !== null) {
      response.writeHead(other.status, other.headers).end("{}");
      return;
    }
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return void response.writeHead(401).end("{}");
    if (request.headers["x-github-api-version"] === undefined) return void response.writeHead(400).end("{}");
    const found =
      /^\/(?:repos\/acme\/app\/hooks\/7|orgs\/acme\/hooks\/8)\/deliveries(?:\/(\d+)\/attempts)?$/.exec(
        address.pathname,
      );
    if (found === null) return void response.writeHead(404).end("{}");
    if (found[1] === undefined && request.method === "GET") list(address, response);
    else if (found[1] !== undefined && request.method === "POST") redeliver(found[1], response);
    else response.writeHead(405).end();
  }

  function list(address: URL, response: ServerResponse): void {
    const newestFirst = attempts.toSorted((one, other) => other.deliveredAt - one.deliveredAt);
    const size = Math.min(pageSize, Number(address.searchParams.get("per_page") ?? 30));
    const cursor = address.searchParams.get("cursor");
    const from = cursor === null ? 0 : newestFirst.findIndex(({ id }) => `v1_${id}` === cursor);
    const following = newestFirst[from + size];
    if (following !== undefined) {
      const next = new URL(address);
      next.searchParams.set("cursor", `v1_${following.id}`);
      response.setHeader("link", `<${address.href}>; rel="first", <${next.href}>; rel="next"`);
    }
    const items = newestFirst.slice(from, from + size).map(
      (
        one,
      ) => `{"id":${one.id},"guid":"${one.guid}","delivered_at":"${new Date(one.deliveredAt).toISOString()}",
        "redelivery":${one.redelivery},"duration":0.27,"status":"${one.statusCode === 200 ? "OK" : "failed"}",
        "status_code":${one.statusCode},"event":"${one.event}","action":null,"installation_id":null,
        "repository_id":42,"throttled_at":null}`,
    );
    response.writeHead(200, { "content-type": "application/json" }).end(`[${items.join(",")}]`);
  }

  function redeliver(id: string, response: ServerResponse): void {
    if (!attempts.some((one) => one.id === id)) return void response.writeHead(404).end("{}");
    redelivered.push(id);
    response.writeHead(202, { "content-type": "application/json" }).end("{}");
  }

  const server = createServer((request, response) => {
    void answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    attempts,
    redelivered,
    requests,
    intercept(value) {
      intercepted = value;
    },
    hold() {
      const gate = Promise.withResolvers<void>();
      held = gate.promise;
      return { release: gate.resolve };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
