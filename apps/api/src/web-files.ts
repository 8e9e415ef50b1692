// The web UI's files, read once: what is not among them can't be asked for.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import type { ApiContext } from "./http/api-env.ts";

interface WebFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  readonly etag: string;
  readonly cacheControl: string;
}

export interface WebFiles {
  /** The answer to a GET of this path, or undefined when it is none of the UI's. */
  respond(c: ApiContext): Response | undefined;
}

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".map": "application/json",
  ".txt": "text/plain; charset=utf-8",
};

/** Nothing runs and nothing is loaded but what this server itself serves as a file. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const fileHeaders = {
  "content-security-policy": pagePolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
} as const;

/** Serves a built UI. Paths without a file name's ending are pages of it and get `index.html`. */
export function createWebFiles(directory: string | undefined): WebFiles {
  const files = directory !== undefined && existsSync(directory) ? readFiles(directory) : new Map<string, WebFile>();
  const index = files.get("/index.html") ?? notBuilt;
  return {
    respond(c) {
      const path = c.req.path;
      const file = files.get(path) ?? (isPage(path) ? index : undefined);
      if (file === undefined) return undefined;
      const headers = {
        ...fileHeaders,
        "content-type": file.contentType,
        "cache-control": file.cacheControl,
        etag: file.etag,
      };
      if (c.req.header("if-none-match") === file.etag) return c.body(null, 304, headers);
      return c.body(file.bytes, 200, headers);
    },
  };
}

function isPage(path: string): boolean {
  return !/^\/(?:api|webhooks|health|metrics|assets)(?:\/|$)/.test(path) && extname(path) === "";
}

function readFiles(directory: string): Map<string, WebFile> {
  const files = new Map<string, WebFile>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(directory, file).split(sep).join("/")}`;
    files.set(path, toWebFile(path, new Uint8Array(readFileSync(file))));
  }
  return files;
}

function toWebFile(path: string, bytes: Uint8Array<ArrayBuffer>): WebFile {
  // The build puts a hash of the content into these names.
  const immutable = /^\/assets\/.+[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+(?:\.map)?$/.test(path);
  return {
    bytes,
    contentType: contentTypes[extname(path)] ?? "application/octet-stream",
    etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 27)}"`,
    cacheControl: immutable ? "public, max-age=31536000, immutable" : "no-cache",
  };
}

const notBuilt = toWebFile(
  "/index.html",
  new TextEncoder().encode(
    "<!doctype html><html lang=en><title>Danube</title><p>The web UI is not part of this installation. The API is at /api/v1.",
  ),
);
