// A duplex call in process.
import { type DuplexMethod, parseWith } from "@danube/protocol";
import { createCallScope } from "./call-scope.ts";
import { createChannel } from "./channel.ts";
import type { ClientMethod } from "./client-methods.ts";
import type { DuplexFrame, Handler } from "./handler.ts";
import { asBuffer, contextOf, follow, type LocalDependencies, parseRequest, parseResponse } from "./local-call.ts";
import { connectionLost } from "./wire/body-reader.ts";
import { checkPayload } from "./wire/duplex-frames.ts";

/** How many frames may wait for the handler; each has up to 1 MiB. */
const clientFrameCapacity = 4;
/** How many frames may wait for the caller. Over the wire the windows have room for about so many. */
const serverFrameCapacity = 1_024;

export function createLocalDuplex(
  deps: LocalDependencies,
  method: DuplexMethod,
  handler: Handler<DuplexMethod, unknown>,
): ClientMethod<DuplexMethod> {
  return (request, options = {}) => {
    const scope = createCallScope(deps.clock, options);
    const toHandler = createChannel<DuplexFrame<unknown>>(clientFrameCapacity);
    const toCaller = createChannel<unknown>(serverFrameCapacity);
    // Why nothing can be sent any more. Set once.
    const over: { error?: unknown } = {};

    const finish = (error: unknown): void => {
      over.error ??= error;
      toHandler.fail(connectionLost());
    };
    const onAbort = (): void => {
      finish(scope.signal.reason);
      toCaller.fail(over.error);
    };
    scope.signal.addEventListener("abort", onAbort, { once: true });
    if (scope.signal.aborted) onAbort();

    // Over the wire the handler runs whether or not anybody listens yet; so it does here.
    const run = async (): Promise<void> => {
      const open = (): AsyncIterable<unknown> =>
        handler(parseRequest(method, request), toHandler.items(), contextOf(deps, scope));
      const parse = (frame: unknown): unknown => parseResponse(method.serverFrame, frame);
      try {
        for await (const frame of follow(deps, method, scope, open, parse)) await toCaller.send(frame);
        toCaller.end();
        finish(connectionLost());
      } catch (error) {
        toCaller.end(error);
        finish(error);
      }
    };
    void run();

    return {
      async send(frame, payload) {
        checkPayload(frame, payload);
        if (over.error !== undefined) throw over.error;
        const parsed = parseWith(method.clientFrame, frame, "A frame");
        try {
          await toHandler.send(payload?.length ? { frame: parsed, payload: asBuffer(payload) } : { frame: parsed });
        } catch (error) {
          throw over.error ?? error;
        }
      },
      end: () => toHandler.end(),
      close: () => scope.abort(connectionLost()),
      async *[Symbol.asyncIterator]() {
        try {
          yield* toCaller.items();
        } finally {
          scope.abort(connectionLost());
        }
      },
    };
  };
}
