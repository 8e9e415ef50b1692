// What a server implements for each kind of method.
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

/** What a handler knows of a call besides its request. */
export interface CallContext<Principal> {
  /** Who calls, as `authenticate` found out. */
  readonly principal: Principal;
  /** Aborts when nobody waits for the answer any more: the caller is gone, its deadline has passed, or the server closes. */
  readonly signal: AbortSignal;
  /** How long the caller waits, from the arrival of the call. Absent: for ever. */
  readonly deadlineMs?: number;
}

/** One frame of a duplex call. `payload` has exactly the bytes that the frame's `length` announces, and is absent for 0. */
export interface DuplexFrame<F> {
  readonly frame: F;
  readonly payload?: Buffer;
}

export interface Download<R> {
  readonly response: R;
  /** Pulled as the caller reads. Its `return` is called when the caller is gone. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * The function behind a method. What it throws reaches the caller: a DanubeError as it is, anything else as `internal`
 * without its words. All iterables are pulled no faster than the other side reads. An iterable of incoming bytes or
 * frames throws `connection_lost` when the caller breaks off; it ends only when the caller meant it to end.
 */
export type Handler<M extends Method, Principal> = M extends UnaryMethod
  ? (request: z.output<M["request"]>, context: CallContext<Principal>) => Promise<z.input<M["response"]>>
  : M extends StreamMethod
    ? (request: z.output<M["request"]>, context: CallContext<Principal>) => AsyncIterable<z.input<M["event"]>>
    : M extends UploadMethod
      ? (
          request: z.output<M["request"]>,
          body: AsyncIterable<Buffer>,
          context: CallContext<Principal>,
        ) => Promise<z.input<M["response"]>>
      : M extends DownloadMethod
        ? (
            request: z.output<M["request"]>,
            context: CallContext<Principal>,
          ) => Promise<Download<z.input<M["response"]>>>
        : M extends DuplexMethod
          ? (
              request: z.output<M["request"]>,
              frames: AsyncIterable<DuplexFrame<z.output<M["clientFrame"]>>>,
              context: CallContext<Principal>,
            ) => AsyncIterable<z.input<M["serverFrame"]>>
          : never;

/** One handler for each method of a table. */
export type Handlers<T extends MethodTable, Principal> = { readonly [N in keyof T]: Handler<T[N], Principal> };
