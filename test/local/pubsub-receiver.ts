import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";

const pushed = z.object({
  message: z.object({
    data: z.string().optional(),
    attributes: z.record(z.string(), z.string()).default({}),
    messageId: z.string(),
  }),
  subscription: z.string(),
  deliveryAttempt: z.number().optional(),
});

interface Arrival {
  path: string;
  headers: IncomingHttpHeaders;
  /** As it came. */
  body: unknown;
  push: z.output<typeof pushed>;
}

export interface Receiver {
  url: string;
  arrivals: Arrival[];
  /** What each next arrival is answered; 204 unless told otherwise, null is never answered, 102 is followed by nothing. */
  answer: (arrival: Arrival) => number | null | Promise<number | null>;
  close: () => Promise<void>;
}

/** An endpoint pushes are sent to. */
export async function openReceiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    void handle(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    arrivals: [],
    answer: () => 204,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: unknown = JSON.parse(await text(request));
    const arrival = { path: request.url ?? "", headers: request.headers, body, push: pushed.parse(body) };
    receiver.arrivals.push(arrival);
    const status = await receiver.answer(arrival);
    if (status === 102) response.writeProcessing();
    else if (status !== null) response.writeHead(status).end();
  }
  return receiver;
}
