// Which files of the workspace are meant by the paths of an upload.
import { glob, lstat } from "node:fs/promises";
import { basename, isAbsolute, relative, resolve } from "node:path";

/** What to store: one file as it is, or several paths in an archive. Names are those within the archive. */
export type FoundPaths =
  | { readonly kind: "file"; readonly path: string; readonly fileName: string }
  | { readonly kind: "archive"; readonly entries: readonly { readonly path: string; readonly name: string }[] };

/** Rejects with one sentence when a path matches nothing or leads out of the workspace. */
export async function findPaths(workspace: string, paths: readonly string[]): Promise<FoundPaths> {
  const found = new Set<string>();
  for (const path of paths) {
    const matches = await matchesOf(workspace, path);
    if (matches.length === 0) throw new Error(`There is nothing at "${path}" in the workspace.`);
    for (const match of matches) found.add(match);
  }
  const sorted = withoutContained([...found].sort());
  const only = sorted.length === 1 ? (sorted[0] as string) : undefined;
  if (only !== undefined) {
    const stats = await lstat(resolve(workspace, only));
    if (stats.isFile()) return { kind: "file", path: resolve(workspace, only), fileName: basename(only) };
    if (stats.isDirectory()) return { kind: "archive", entries: [{ path: resolve(workspace, only), name: "" }] };
  }
  return { kind: "archive", entries: sorted.map((name) => ({ path: resolve(workspace, name), name })) };
}

/** Paths from the workspace. */
async function matchesOf(workspace: string, path: string): Promise<string[]> {
  const exact = relative(workspace, resolve(workspace, path));
  if (exact === ".." || exact.startsWith("../") || isAbsolute(exact))
    throw new Error(`"${path}" does not lie in the workspace.`);
  const stats = await lstat(resolve(workspace, path)).catch(() => undefined);
  if (stats !== undefined) return [exact];
  if (!/[*?[{]/.test(path)) return [];
  const matches: string[] = [];
  for await (const match of glob(exact, { cwd: workspace })) matches.push(match);
  return matches;
}

/** Leaves out what lies in a directory that is in the list, too: it would be in the archive twice. */
function withoutContained(sorted: readonly string[]): string[] {
  const kept: string[] = [];
  for (const path of sorted) {
    const isContained = kept.some((directory) => directory === "" || path.startsWith(`${directory}/`));
    if (!isContained) kept.push(path);
  }
  return kept;
}
