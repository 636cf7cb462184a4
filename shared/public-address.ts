import { BlockList, isIPv4, isIPv6 } from "node:net";

/**
 * What may be called on somebody's behalf: hosts on the public internet, never what only this network reaches. Ranges are
 * those of the IANA registries of special-purpose addresses (RFC 6890 and what updates it).
 */
const NOT_PUBLIC_4: readonly [string, number][] = [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8],
  ["100.64.0.0", 10], // carriers' networks
  ["127.0.0.0", 8],
  ["169.254.0.0", 16], // link-local, with the metadata servers of the clouds
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24], // documentation, as are 198.51.100 and 203.0.113
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16],
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, and broadcast
];

/** Outside of this nothing of IPv6 is public: not ::1, not IPv4 in any of its disguises, not NAT64, fc00::/7 or fe80::/10. */
const GLOBAL_6: readonly [string, number] = ["2000::", 3];
const NOT_PUBLIC_6: readonly [string, number][] = [
  ["2001::", 23], // protocol assignments, with Teredo
  ["2001:db8::", 32], // documentation, as is 3fff::/20
  ["2002::", 16], // 6to4 carries an IPv4 address
  ["3fff::", 20],
];

const notPublic = new BlockList();
for (const [network, prefix] of NOT_PUBLIC_4) notPublic.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of NOT_PUBLIC_6) notPublic.addSubnet(network, prefix, "ipv6");
const global6 = new BlockList();
global6.addSubnet(...GLOBAL_6, "ipv6");

/** Whether an IP address is one of the public internet's. What is no address is not. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !notPublic.check(address, "ipv4");
  // With a zone (fe80::1%eth0) it is no public one either.
  if (!isIPv6(address) || address.includes("%")) return false;
  return global6.check(address, "ipv6") && !notPublic.check(address, "ipv6");
}
