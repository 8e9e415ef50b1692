// A table with one method of each kind, handlers that prove what arrived, and everything needed to call them.
import { createHash } from "node:crypto";
import { type Logger, silentLogger } from "@danube/kit";
import { DanubeError, type MethodTable } from "@danube/protocol";
import { z } from "zod";
import { bearerToken } from "../bearer-token.ts";
import { createRpcClient, type RpcClientOptions } from "../client.ts";
import type { RpcClient } from "../client-methods.ts";
import type { Handlers } from "../handler.ts";
import { createRpcServer, type RpcServerOptions } from "../server.ts";

export const testMethods = {
  echo: {
    kind: "unary",
    path: "/test/echo",
    deadlineMs: 10_000,
    request: z.object({ value: z.string(), times: z.number().int().default(1) }),
    response: z.object({ value: z.string(), note: z.string().default("none") }),
  },
  count: {
    kind: "stream",
    path: "/test/count",
    request: z.object({ from: z.number(), to: z.number() }),
    event: z.object({ n: z.number() }),
  },
  store: {
    kind: "upload",
    path: "/test/store",
    deadlineMs: 10_000,
    request: z.object({ name: z.string() }),
    response: z.object({ name: z.string(), sizeBytes: z.number(), sha256: z.string() }),
  },
  fetch: {
    kind: "download",
    path: "/test/fetch",
    deadlineMs: 10_000,
    request: z.object({ sizeBytes: z.number() }),
    response: z.object({ sizeBytes: z.number(), sha256: z.string() }),
  },
  pipe: {
    kind: "duplex",
    path: "/test/pipe",
    request: z.object({ greeting: z.string() }),
    clientFrame: z.object({ sequence: z.number(), length: z.number().int().min(0) }),
    serverFrame: z.object({ sequence: z.number(), sha256: z.string(), sizeBytes: z.number() }),
  },
} as const satisfies MethodTable;
export type TestMethods = typeof testMethods;
export type TestHandlers = Handlers<TestMethods, string>;

export const testToken = "the-token";

/** Handlers that answer with what they received, or its digest. */
export const honestHandlers: TestHandlers = {
  echo: async ({ value, times }) => ({ value: value.repeat(times) }),
  async *count({ from, to }) {
    for (let n = from; n < to; n += 1) yield { n };
  },
  async store({ name }, body) {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    for await (const chunk of body) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
    return { name, sizeBytes, sha256: hash.digest("hex") };
  },
  async fetch({ sizeBytes }) {
    const bytes = patternBytes(sizeBytes);
    return { response: { sizeBytes, sha256: sha256(bytes) }, body: slicesOf(bytes, 60_000) };
  },
  async *pipe(_request, frames) {
    for await (const { frame, payload = Buffer.alloc(0) } of frames)
      yield { sequence: frame.sequence, sha256: sha256(payload), sizeBytes: payload.length };
  },
};

export interface TestServer {
  readonly url: string;
  readonly port: number;
  close(graceMs?: number): Promise<void>;
}

/** A server of the test table on a free port, or on the given one. */
export async function startTestServer(
  handlers: Partial<TestHandlers> = {},
  options: Partial<RpcServerOptions<TestMethods, string>> & { readonly port?: number } = {},
): Promise<TestServer> {
  const server = createRpcServer<TestMethods, string>({
    methods: testMethods,
    handlers: { ...honestHandlers, ...handlers },
    authenticate,
    logger: silentLogger,
    ...options,
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: options.port ?? 0 });
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: (graceMs = 0) => server.close({ graceMs }),
  };
}

/** A client of the test table. */
export function createTestClient(
  url: string,
  options: Partial<RpcClientOptions<TestMethods>> = {},
): RpcClient<TestMethods> {
  return createRpcClient<TestMethods>({
    url,
    methods: testMethods,
    token: testToken,
    logger: silentLogger,
    ...options,
  });
}

/** A logger that keeps what it is told. */
export function createRecordingLogger(): { readonly logger: Logger; readonly records: string[] } {
  const records: string[] = [];
  const record = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    const { error, ...rest } = fields;
    records.push(`${message} ${JSON.stringify(rest)}${error instanceof Error ? ` ${error.message}` : ""}`);
  };
  const logger: Logger = {
    trace: record,
    debug: () => undefined,
    info: record,
    warn: record,
    error: record,
    child: () => logger,
  };
  return { logger, records };
}

async function authenticate(headers: Parameters<typeof bearerToken>[0]): Promise<string> {
  if (bearerToken(headers) !== testToken) throw new DanubeError("unauthenticated", "The token is not known.");
  return "somebody";
}

/** Bytes without a short period, so that a shift, a repetition or a swap changes them. */
export function patternBytes(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = 0x12345678;
  for (let at = 0; at < sizeBytes; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export async function* slicesOf(bytes: Buffer, sliceBytes: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += sliceBytes) yield bytes.subarray(at, at + sliceBytes);
}

/** Rejects with the signal's reason when it aborts: what a handler does that has nothing to say. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** All that an iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
