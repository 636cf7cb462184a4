import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { AccessTokens } from "../pubsub/access-token.ts";
import type { ArchiveStore } from "./archive-store.ts";

interface BucketStoreOptions {
  bucket: string;
  /** Before every name, such as `netra/archive`; empty for none. */
  prefix: string;
  tokens: AccessTokens;
  /** Where the JSON API is; Google's by default. */
  apiUrl?: string | undefined;
}

const API_URL = "https://storage.googleapis.com";
const REQUEST_MS = 120_000;
const TRIES = 5;
const WAIT_MS = 500;
const listing = z.object({ items: z.array(z.object({ name: z.string() })).default([]) });
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Archives in a Cloud Storage bucket, by its JSON API: an upload is one request, so an object is there whole or not at all.
 * Writing a name again is harmless, and so every request is tried again when the failure may pass.
 */
export function createBucketStore({ bucket, prefix, tokens, apiUrl }: BucketStoreOptions): ArchiveStore {
  const base = apiUrl ?? API_URL;
  const objectOf = (name: string): string => (prefix === "" ? name : `${prefix}/${name}`);
  const objects = `${base}/storage/v1/b/${encodeURIComponent(bucket)}/o`;
  const address = (name: string): string => `${objects}/${encodeURIComponent(objectOf(name))}`;

  async function once(url: string, init: RequestInit): Promise<Response> {
    const signal = AbortSignal.timeout(REQUEST_MS);
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${await tokens.get(signal)}`);
    return fetch(url, { ...init, headers, signal });
  }

  async function send(url: string, init: RequestInit): Promise<{ status: number; bytes: Buffer }> {
    let last: unknown;
    for (let tries = 1; tries <= TRIES; tries += 1) {
      try {
        const response = await once(url, init);
        const bytes = Buffer.from(await response.arrayBuffer());
        if (response.ok || response.status === 404) return { status: response.status, bytes };
        if (response.status === 401) tokens.forget();
        last = new Error(`Cloud Storage answered ${response.status}`);
        if (response.status !== 401 && !PASSING.has(response.status)) break;
      } catch (error) {
        last = error;
      }
      await delay(WAIT_MS * 2 ** (tries - 1) * (0.5 + Math.random() / 2));
    }
    throw new Error(`the bucket ${bucket} does not take or give an archive`, { cause: last });
  }

  return {
    location: `gs://${bucket}${prefix === "" ? "" : `/${prefix}`}`,
    async put(name, bytes) {
      const url = `${base}/upload/storage/v1/b/${encodeURIComponent(bucket)}/o?uploadType=media&name=${encodeURIComponent(objectOf(name))}`;
      const { status } = await send(url, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: new Uint8Array(bytes),
      });
      if (status === 404) throw new Error(`there is no bucket ${bucket}`);
    },
    async get(name) {
      const { status, bytes } = await send(`${address(name)}?alt=media`, {});
      if (status === 404) throw new Error(`there is no ${name} in the bucket ${bucket}`);
      return bytes;
    },
    async remove(name) {
      await send(address(name), { method: "DELETE" });
    },
    async removeAll(folder) {
      const query = `prefix=${encodeURIComponent(`${objectOf(folder)}/`)}&fields=items(name)&maxResults=1000`;
      for (;;) {
        const { bytes } = await send(`${objects}?${query}`, {});
        const { items } = listing.parse(JSON.parse(bytes.toString()));
        if (items.length === 0) return;
        for (const { name } of items)
          await send(`${objects}/${encodeURIComponent(name)}`, { method: "DELETE" });
      }
    },
  };
}
