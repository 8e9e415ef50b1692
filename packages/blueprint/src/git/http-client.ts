// The HTTP that isomorphic-git speaks, over fetch: with a signal, a limit, and credentials that stay with their origin.
import { DanubeError } from "@danube/protocol";
import type { GitHttpRequest, GitHttpResponse, HttpClient } from "isomorphic-git";

export interface GitHttpClientOptions {
  readonly signal: AbortSignal;
  /** How many bytes all answers together may have. */
  readonly mostBytes: number;
}

/**
 * A client for one repository. Follows redirects of the first request within its origin, and sends the later ones to where
 * that led, as git does; a redirect to another origin is refused. Throws `payload_too_large` beyond the limit.
 */
export function createGitHttpClient({ signal, mostBytes }: GitHttpClientOptions): HttpClient {
  let receivedBytes = 0;
  let moved: { readonly from: string; readonly to: string } | undefined;

  async function* limited(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      receivedBytes += chunk.length;
      if (receivedBytes > mostBytes)
        throw new DanubeError(
          "payload_too_large",
          `The repository sends more than ${mostBytes} bytes; a Blueprint should be a small repository of its own.`,
        );
      yield chunk;
    }
  }

  async function request({ url, method = "GET", headers, body }: GitHttpRequest): Promise<GitHttpResponse> {
    const target = moved && url.startsWith(moved.from) ? moved.to + url.slice(moved.from.length) : url;
    const answer = await fetch(target, {
      method,
      headers,
      body: body === undefined ? undefined : Buffer.concat(await Array.fromAsync(body)),
      signal,
      redirect: method === "GET" ? "follow" : "error",
    });
    if (answer.redirected) {
      if (new URL(answer.url).origin !== new URL(target).origin)
        throw new DanubeError(
          "forbidden",
          `The repository's server redirects to ${new URL(answer.url).origin}, another origin; write that address if it is the right one.`,
        );
      moved = { from: base(url), to: base(answer.url) };
    }
    return {
      url: answer.url,
      method,
      statusCode: answer.status,
      statusMessage: answer.statusText,
      headers: Object.fromEntries(answer.headers),
      body: limited(answer.body ?? new Blob([]).stream()),
    };
  }

  return { request };
}

/** The repository's address in that of its list of refs. */
function base(url: string): string {
  return url.replace(/\/info\/refs(\?.*)?$/, "");
}
