import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Artifact, DanubeError } from "@danube/protocol";
import type { ByteRange } from "../http/byte-range.ts";
import { bytesAnswer, guarded } from "../http/router.ts";
import { sendBytes } from "../http/send-bytes.ts";
import { IdParams, readId, type RouteContext } from "./route-context.ts";

export function addArtifactRoutes({ router, guard, dependencies }: RouteContext): void {
  const { queries, artifactsDirectory } = dependencies;

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/artifacts/{id}",
      summary: "Download an artifact",
      request: { params: IdParams },
      responses: {
        200: bytesAnswer("Its bytes", "application/octet-stream"),
        206: bytesAnswer("The part that `Range` asks for", "application/octet-stream"),
      },
    }),
    async (c) => {
      const artifactId = readId(c.req.valid("param").id, "artifact");
      const { artifact } = await queries.getArtifact({ artifactId });
      if (artifact === undefined) {
        throw new DanubeError("not_found", `There is no artifact ${artifactId}.`, { ids: { artifactId } });
      }
      const file = join(artifactsDirectory, artifact.jobId, artifact.id);
      await requireWhole(file, artifact);
      return sendBytes(c, {
        sizeBytes: artifact.sizeBytes,
        contentType: "application/octet-stream",
        etag: `"${artifact.sha256}"`,
        headers: {
          "cache-control": "private, max-age=0, must-revalidate",
          "content-disposition": contentDisposition(artifact.fileName),
          "repr-digest": `sha-256=:${Buffer.from(artifact.sha256, "hex").toString("base64")}:`,
        },
        read: (range) => readFile(file, range),
      });
    },
  );
}

async function requireWhole(file: string, { id: artifactId, sizeBytes }: Artifact): Promise<void> {
  const ids = { artifactId };
  const found = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
    throw new DanubeError("not_found", `The artifact ${artifactId} has been deleted.`, { ids, cause });
  });
  if (found.size !== sizeBytes) {
    throw new DanubeError("corrupt", `The artifact ${artifactId} has ${found.size} bytes on disk, not ${sizeBytes}.`, {
      ids,
    });
  }
}

/** Opens the file when the first byte is asked for: an answer that nobody takes leaves nothing open. */
async function* readFile(file: string, { start, end }: ByteRange): AsyncGenerator<Buffer> {
  yield* createReadStream(file, { start, end: end - 1, highWaterMark: 262_144 }) as AsyncIterable<Buffer>;
}

/** Always a download, never a page. Source: RFC 6266 and RFC 8187. */
export function contentDisposition(fileName: string): string {
  const plain = fileName.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(fileName.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
