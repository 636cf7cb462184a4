import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { closeServer, listenOn } from "./google-metadata.ts";

export interface EngineStandIn {
  /** For DOCKER_HOST. */
  address: string;
  /** Names of the images it has. */
  images: Set<string>;
  /** How many containers were made. */
  made: () => number;
  /** The images of containers that were made and not removed. */
  left: () => string[];
  close: () => Promise<void>;
}

/** A container engine that makes containers of the images it has and can start none. */
export async function startEngineStandIn(): Promise<EngineStandIn> {
  const images = new Set<string>();
  const containers = new Map<string, Asked>();
  let made = 0;
  const server = createServer((request, response) => void reply(request, response));

  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await answer(request);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const path = decodeURIComponent(request.url?.split("?")[0] ?? "");
    const route = `${request.method} ${path}`;
    const container = /^\/containers\/(c\d+)/.exec(path)?.[1];
    if (route === "GET /info") return { status: 200, body: { OperatingSystem: "stand-in", OSType: "linux" } };
    if (route === "GET /containers/json") {
      return { status: 200, body: [...containers].map(([Id, { Labels }]) => ({ Id, Labels })) };
    }
    if (route === "POST /images/create") return { status: 404, body: { message: "no such manifest" } };
    if (path.startsWith("/images/")) {
      const known = images.has(path.slice("/images/".length, -"/json".length));
      return known ? { status: 200, body: { Id: "i" } } : { status: 404, body: { message: "no such image" } };
    }
    if (route === "POST /containers/create") {
      made += 1;
      const id = `c${made}`;
      containers.set(id, await readAsked(request));
      return { status: 201, body: { Id: id, Warnings: [] } };
    }
    if (container === undefined) return { status: 404, body: { message: `there is no ${route} here` } };
    if (request.method === "DELETE") {
      containers.delete(container);
      return { status: 204, body: null };
    }
    return { status: 500, body: { message: "the disk is full" } };
  }

  const { port } = await listenOn(server, "127.0.0.1", 0);
  return {
    images,
    address: `tcp://127.0.0.1:${port}`,
    made: () => made,
    left: () => [...containers.values()].map(({ Image }) => Image),
    close: () => closeServer(server),
  };
}

interface Asked {
  Image: string;
  Labels: Record<string, string>;
}

async function readAsked(request: IncomingMessage): Promise<Asked> {
  return (await new Response(request).json()) as Asked;
}
