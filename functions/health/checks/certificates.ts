import { type CertificateFacts, readCertificateEnd } from "../certificate-end.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

const DAY_MS = 86_400_000;

interface Facts {
  now: number;
  certificates: readonly CertificateFacts[];
}

/** When the certificates of the stores end. The soonest decides; one that cannot be read is not taken to be well. */
export const certificates: CheckGroup<Facts> = {
  names: ["certificate_expiry"],
  fetch: async ({ tlsAddresses, now }, signal) => ({
    now: now(),
    certificates: await Promise.all(tlsAddresses.map((address) => readCertificateEnd(address, signal))),
  }),
  evaluate: (facts) => [judgeCertificates(facts)],
};

function judgeCertificates({ now, certificates: found }: Facts): CheckResult {
  const name = "certificate_expiry";
  const [first, ...others] = found;
  if (first === undefined) return state(name, "ok", "Neither store is reached over TLS.");
  const soonest = others.reduce((a, b) => ((b.end ?? 0) < (a.end ?? 0) ? b : a), first);
  const days = soonest.end === null ? null : (soonest.end - now) / DAY_MS;
  return judge({
    name,
    value: days,
    unit: "days",
    warning: 21,
    critical: 5,
    worse: "below",
    message:
      days === null
        ? `The certificate of ${soonest.name} could not be read.`
        : `The certificate of ${soonest.name} ends in ${days.toFixed(1)} days.`,
    nextStep: `Have the certificate of ${soonest.name} issued anew: connections fail when it has ended.`,
  });
}
