import { findConfigFaults, SOURCE_CONFIGS } from "../../shared/event-source-config.ts";
import type { SourceKind } from "../../shared/event-source.ts";
import { SOURCE_KINDS } from "../../shared/event-source.ts";
import { UsageError } from "../exit-codes.ts";
import { checkReference } from "./source-secret.ts";

export interface WantedSource {
  kind: SourceKind;
  name: string;
  config: Readonly<Record<string, unknown>>;
}

interface SourceOptions {
  kind?: string | undefined;
  name?: string | undefined;
  config?: string | undefined;
  audience?: string | undefined;
  email?: string | undefined;
  hook?: string | undefined;
  "token-ref"?: string | undefined;
}

/** What `netra sources create` was asked for, its config checked and complete. Throws UsageError. */
export function readWantedSource(options: SourceOptions): WantedSource {
  const kind = SOURCE_KINDS.find((one) => one === options.kind);
  if (kind === undefined) {
    const given = options.kind === undefined ? "say which with --kind" : `"${options.kind}" is no kind`;
    throw new UsageError(`${given}; there are ${SOURCE_KINDS.join(", ")}`);
  }
  const name = options.name?.trim() ?? "";
  if (name === "" || name.length > 255)
    throw new UsageError("--name must be given, with 1 to 255 characters");
  const config = { ...readJson(options.config), ...readPush(kind, options), ...readHook(kind, options) };
  const faults = findConfigFaults(kind, config);
  if (faults.length > 0)
    throw new UsageError(`the config of a ${kind} source is wrong: ${faults.join("; ")}`);
  return { kind, name, config: SOURCE_CONFIGS[kind].parse(config) };
}

function readJson(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError("--config is not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new UsageError("--config must be a JSON object");
  return { ...value };
}

function readPush(kind: SourceKind, { audience, email, config }: SourceOptions): Record<string, unknown> {
  if (kind !== "cloud-build" && kind !== "cloud-deploy") {
    if (audience !== undefined || email !== undefined)
      throw new UsageError("--audience and --email are for cloud-build and cloud-deploy");
    return {};
  }
  if (config === undefined && (audience === undefined || email === undefined)) {
    throw new UsageError(
      `${kind} needs --audience URL and --email ADDRESS: what the push subscription's tokens are made out for, and to`,
    );
  }
  const emails = email?.split(",").map((one) => one.trim());
  return { ...(audience === undefined ? {} : { audience }), ...(emails === undefined ? {} : { emails }) };
}

function readHook(kind: SourceKind, options: SourceOptions): Record<string, unknown> {
  const { hook, "token-ref": tokenRef } = options;
  if (hook === undefined && tokenRef === undefined) return {};
  if (kind !== "github") throw new UsageError("--hook and --token-ref are for github");
  if (hook === undefined || tokenRef === undefined)
    throw new UsageError("--hook and --token-ref go together");
  const [, owner = "", repository, id] = /^([^/#]+)(?:\/([^/#]+))?#(\d{1,15})$/.exec(hook) ?? [];
  if (id === undefined) {
    throw new UsageError(
      `--hook must be owner/repository#ID or organization#ID (the number at the end of the hook's address), not "${hook}"`,
    );
  }
  const place = repository === undefined ? { organization: owner } : { repository: `${owner}/${repository}` };
  return { hook: { ...place, id: Number(id) }, token_ref: checkReference("token-ref", tokenRef) };
}
