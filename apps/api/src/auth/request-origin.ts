// Which hosts this server answers to, and which pages may ask it to change something.
import { isIP } from "node:net";

/**
 * Decides on the Host header. A name that we don't know is refused: a hostile page can make its own name point to this
 * machine (DNS rebinding) and would then count as ours. An IP address can't be rebound.
 */
export function createHostCheck(allowed: readonly string[], publicUrl: string | undefined): (host: string) => boolean {
  const names = new Set(["localhost", ...allowed.map((host) => nameOf(host.toLowerCase()))]);
  if (publicUrl !== undefined) names.add(new URL(publicUrl).hostname.toLowerCase());
  return (host) => {
    const name = nameOf(host.toLowerCase());
    return names.has(name) || name.endsWith(".localhost") || isIP(name.replace(/^\[|\]$/g, "")) !== 0;
  };
}

/** A Host header without its port. */
function nameOf(host: string): string {
  return host.replace(/:\d*$/, "").replace(/\.$/, "");
}

/**
 * Whether a request that changes something comes from one of our own pages, or from no page at all. Browsers name the page's
 * origin on every request but a plain GET.
 */
export function isOwnOrigin(origin: string, host: string, publicUrl: string | undefined): boolean {
  if (!URL.canParse(origin)) return false; // "null": a sandboxed page, or a local file
  const url = new URL(origin);
  if (publicUrl !== undefined && url.origin === new URL(publicUrl).origin) return true;
  // Behind a proxy that ends TLS the scheme is unknown here; the host is the page's own all the same.
  return (url.protocol === "http:" || url.protocol === "https:") && url.host === host.toLowerCase();
}
