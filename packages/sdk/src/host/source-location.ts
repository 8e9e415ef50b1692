// Where in the user's files something happened, from V8's stack traces.
import { fileURLToPath } from "node:url";

/** Finds places in the user's files: those below `root`, or all files if there is no root. */
export interface SourceLocator {
  /** The place that called `below`, such as `danubefile.ts:12`. */
  ofCaller(below: (...args: never[]) => unknown): string | undefined;
  /** The topmost place in the error's stack. */
  ofError(error: unknown): string | undefined;
  /**
   * The error's heading and the part of its stack that lies below `root`, Danube's own frames left out. Undefined when that
   * would tell no more than `ofError`: when there are fewer than two such frames.
   */
  stackOf(error: unknown): string | undefined;
}

const framesLooked = 50;

export function createSourceLocator(root: string | undefined): SourceLocator {
  return {
    ofCaller(below) {
      const frames = captureFrames(below).map((site) => ({ file: site.getFileName(), line: site.getLineNumber() }));
      return firstInRoot(frames, root);
    },
    ofError(error) {
      if (!(error instanceof Error) || typeof error.stack !== "string") return undefined;
      return firstInRoot(framesOfStack(error.stack), root);
    },
    stackOf(error) {
      if (!(error instanceof Error) || typeof error.stack !== "string") return undefined;
      const lines = error.stack.split("\n");
      const first = lines.findIndex((line) => /^\s+at /.test(line));
      if (first === -1) return undefined;
      const frames = lines.slice(first).filter((line) => framesOfStack(line).some((frame) => isBelow(frame, root)));
      return frames.length < 2 ? undefined : [...lines.slice(0, first), ...frames].join("\n");
    },
  };
}

interface Frame {
  readonly file: string | null | undefined;
  readonly line: number | null;
}

function captureFrames(below: (...args: never[]) => unknown): NodeJS.CallSite[] {
  const stackTraceLimit = Error.stackTraceLimit;
  const prepareStackTrace = Error.prepareStackTrace?.bind(Error);
  const holder: { stack?: NodeJS.CallSite[] } = {};
  try {
    Error.stackTraceLimit = framesLooked;
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.captureStackTrace(holder, below);
    return holder.stack ?? []; // formatted on first access, so inside
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  }
}

const stackLine = /\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*?):(\d+)(?::\d+)?\)?$/;

function framesOfStack(stack: string): Frame[] {
  return stack.split("\n").flatMap((line) => {
    // A frame, or the heading `file:///…:3` that Node puts over a syntax error.
    const match = stackLine.exec(line.trim().replace(/^at (?:async )?/, ""));
    return match ? [{ file: match[1], line: Number(match[2]) }] : [];
  });
}

function isBelow({ file }: Frame, root: string | undefined): boolean {
  if (!file || file.startsWith("node:")) return false;
  return root === undefined || (file.startsWith("file://") ? fileURLToPath(file) : file).startsWith(`${root}/`);
}

function firstInRoot(frames: readonly Frame[], root: string | undefined): string | undefined {
  for (const { file, line } of frames) {
    if (!file || line === null || file.startsWith("node:")) continue;
    const path = file.startsWith("file://") ? fileURLToPath(file) : file;
    if (root === undefined) return `${path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1)}:${line}`;
    if (!path.startsWith(`${root}/`)) continue;
    const relative = path.slice(root.length + 1);
    if (relative.startsWith("node_modules/") || relative.includes("/node_modules/")) continue;
    return `${relative}:${line}`;
  }
  return undefined;
}
