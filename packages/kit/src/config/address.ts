import { z } from "zod";

/** Where a listener binds. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const pattern = /^(\[[0-9A-Fa-f:.%]+\]|[^\s:[\]/]+):(\d{1,5})$/;

/** `host:port` in a configuration; an IPv6 address stands in brackets; port 0 lets the system choose. */
export const addressSchema = z
  .string()
  .refine((text) => Number(pattern.exec(text)?.[2] ?? 65_536) <= 65_535, {
    error: 'write host:port with a port of 0 to 65535, such as "127.0.0.1:8080" or "[::1]:8080"',
  })
  .transform((text): Address => {
    const [, host, port] = pattern.exec(text) as unknown as [string, string, string];
    return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  });

/** The same port, for processes of this machine alone: what isolates nothing must not be reached from elsewhere. */
export function onLoopback({ host, port }: Address): Address {
  const isLoopback = host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
  return { host: isLoopback ? host : "127.0.0.1", port };
}

/** The URL under which a process on this machine reaches a listener: a wildcard host is answered on loopback. */
export function loopbackUrl({ host, port }: Address): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
