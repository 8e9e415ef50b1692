// An open duplex call on the client.
import type { CallScope } from "./call-scope.ts";
import type { DuplexCall } from "./client-methods.ts";
import type { Exchange } from "./exchange.ts";
import { connectionLost } from "./wire/body-reader.ts";
import { checkPayload } from "./wire/duplex-frames.ts";

export interface DuplexCallOptions {
  readonly scope: CallScope;
  readonly open: () => Promise<Exchange>;
  readonly request: unknown;
  readonly readFrames: (exchange: Exchange) => AsyncIterable<unknown>;
}

/** Begins the call at once. */
export function createDuplexCall({
  scope,
  open,
  request,
  readFrames,
}: DuplexCallOptions): DuplexCall<unknown, unknown> {
  let exchange: Exchange | undefined;
  let over: { readonly error: unknown } | undefined;
  const opening = open().then(async (opened) => {
    exchange = opened;
    if (over) opened.close();
    await opened.writer.write(line(request));
    return opened;
  });
  // The iteration and every send hear of it.
  opening.catch(() => undefined);

  const finish = (error: unknown): void => {
    over ??= { error };
    exchange?.close();
    scope.dispose();
  };
  const explain = (error: unknown): unknown => (scope.signal.aborted ? scope.signal.reason : error);

  return {
    async send(frame, payload) {
      checkPayload(frame, payload);
      try {
        const { writer } = await opening;
        if (payload && payload.length > 0) await writer.write(line(frame), payload);
        else await writer.write(line(frame));
      } catch (error) {
        throw over ? over.error : explain(error);
      }
    },
    end() {
      // Queued behind the sends that came before it. If the call never opened there is nothing to end.
      void opening.then(({ writer }) => writer.end()).catch(() => undefined);
    },
    close() {
      finish(connectionLost());
    },
    async *[Symbol.asyncIterator]() {
      try {
        const opened = await opening;
        await opened.response();
        yield* readFrames(opened);
        finish(connectionLost());
      } catch (error) {
        const explained = explain(error);
        finish(explained);
        throw explained;
      } finally {
        finish(connectionLost());
      }
    },
  };
}

function line(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
