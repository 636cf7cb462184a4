import type { SourceKind } from "../../../shared/event-source.ts";
import type { Sender } from "../delivery.ts";
import { cloudBuild } from "./cloud-build.ts";
import { cloudDeploy } from "./cloud-deploy.ts";
import { github } from "./github.ts";
import { linear } from "./linear.ts";
import { signed } from "./signed.ts";
import { slack } from "./slack.ts";
import { standard } from "./standard.ts";
import { vercel } from "./vercel.ts";

export const SENDERS: Record<SourceKind, Sender> = {
  github,
  slack,
  linear,
  vercel,
  standard,
  signed,
  "cloud-build": cloudBuild,
  "cloud-deploy": cloudDeploy,
};
