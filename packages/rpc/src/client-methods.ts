// What a caller sees of each kind of method, over the wire or in process.
import type {
  DownloadMethod,
  DuplexMethod,
  Method,
  MethodTable,
  StreamMethod,
  UnaryMethod,
  UploadMethod,
} from "@danube/protocol";
import type { z } from "zod";

export interface CallOptions {
  /** Breaks the call off; it rejects with the signal's reason, and the server hears of it. */
  readonly signal?: AbortSignal;
  /** Instead of the method's own deadline: over all tries. For streams and duplex calls there is none unless given. */
  readonly deadlineMs?: number;
}

/** The bytes of an upload; a function is called anew for each try. */
export type UploadBody = Uint8Array | (() => AsyncIterable<Uint8Array>);

export interface DownloadResult<R> {
  readonly response: R;
  /** Throws `connection_lost` when it was cut: what ends without an error is whole. Must be read or returned. */
  readonly body: AsyncIterable<Buffer>;
}

/**
 * An open duplex call. Iterating it gives the server's frames, in order, until the server ends the call; it throws
 * `connection_lost` when the call breaks, and is iterated only once. Leaving the loop closes the call.
 */
export interface DuplexCall<C, S> extends AsyncIterable<S> {
  /**
   * Sends a frame, whose `length` must be the payload's. Resolves when there is room for the next one: await it. Rejects
   * with `connection_lost` when the call has ended. The payload must not change before it resolves.
   */
  send(frame: C, payload?: Uint8Array): Promise<void>;
  /** No frame follows. */
  end(): void;
  /** Breaks the call off, both ways. */
  close(): void;
}

/**
 * The function that stands for a method. Unary calls, uploads, and downloads until their response arrives are tried again,
 * with growing pauses, as long as the connection breaks or the server says that it may work later, until the deadline.
 * Streams and duplex calls are tried once: see `resubscribe`.
 */
export type ClientMethod<M extends Method> = M extends UnaryMethod
  ? (request: z.input<M["request"]>, options?: CallOptions) => Promise<z.output<M["response"]>>
  : M extends StreamMethod
    ? (request: z.input<M["request"]>, options?: CallOptions) => AsyncIterable<z.output<M["event"]>>
    : M extends UploadMethod
      ? (request: z.input<M["request"]>, body: UploadBody, options?: CallOptions) => Promise<z.output<M["response"]>>
      : M extends DownloadMethod
        ? (request: z.input<M["request"]>, options?: CallOptions) => Promise<DownloadResult<z.output<M["response"]>>>
        : M extends DuplexMethod
          ? (
              request: z.input<M["request"]>,
              options?: CallOptions,
            ) => DuplexCall<z.input<M["clientFrame"]>, z.output<M["serverFrame"]>>
          : never;

export type ClientMethods<T extends MethodTable> = { readonly [N in keyof T]: ClientMethod<T[N]> };

/** One function for each method of a table. */
export type RpcClient<T extends MethodTable> = ClientMethods<T> & {
  /** Breaks off what is going on and closes the connection. No call is possible afterwards. */
  close(): Promise<void>;
};
