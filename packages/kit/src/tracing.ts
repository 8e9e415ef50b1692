// The seam for traces. Nothing of OpenTelemetry is loaded unless traces are switched on; whoever does so gives a Tracer.

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A piece of work in a trace. */
export interface Span {
  /** How a callee names this span as its parent. Source: W3C Trace Context, `traceparent`. Absent when nothing is traced. */
  readonly traceparent?: string;
  setAttributes(attributes: SpanAttributes): void;
  /** Marks the span as failed. */
  fail(error: unknown): void;
  /** Must be called exactly once. */
  end(): void;
}

export interface Tracer {
  startSpan(name: string, options?: { readonly parent?: string; readonly attributes?: SpanAttributes }): Span;
  /** Sends what is still held back. */
  close(): Promise<void>;
}

const noopSpan: Span = { setAttributes: () => undefined, fail: () => undefined, end: () => undefined };

/** Traces nothing. */
export const noopTracer: Tracer = { startSpan: () => noopSpan, close: () => Promise.resolve() };
