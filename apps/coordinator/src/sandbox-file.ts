// Reads sandbox.json, or waits for it: a prepared Coordinator is started before there is a job for it.
import { existsSync, type FSWatcher, readFileSync, unlinkSync, watch } from "node:fs";
import { dirname } from "node:path";
import { DanubeError, parseWith, SandboxFile } from "@danube/protocol";

const pollIntervalMs = 250;

/**
 * The file's content, as soon as it is there. Whoever writes it renames it into place, so what can be read is complete.
 * Rejects with `invalid_request` when it is not what it should be, and with `sandbox_missing` when its directory is gone.
 */
export async function readSandboxFile(path: string, onWait: () => void): Promise<SandboxFile> {
  const text = readIfPresent(path) ?? (onWait(), await waitFor(path));
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser's words quote the text, which holds the token.
    content = undefined;
  }
  return parseWith(SandboxFile, content, path);
}

/**
 * Removes the file once it was read: the token is for this process alone, and commands may run as the same user. Where it lies
 * on a file system that only this container sees and nobody can write to, as a mounted Secret does, it stays.
 */
export function removeSandboxFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EROFS" && code !== "ENOENT") throw error;
  }
}

function waitFor(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let watcher: FSWatcher | undefined;
    const look = (): void => {
      try {
        const text = readIfPresent(path);
        if (text === undefined && existsSync(dirname(path))) return;
        stop();
        if (text !== undefined) return resolve(text);
        reject(new DanubeError("sandbox_missing", `${dirname(path)} is gone; this Coordinator was not needed.`));
      } catch (error) {
        stop();
        reject(error);
      }
    };
    // Notifications can be lost, and the directory may vanish with an unused sandbox.
    const poll = setInterval(look, pollIntervalMs);
    const stop = (): void => {
      clearInterval(poll);
      watcher?.close();
    };
    try {
      watcher = watch(dirname(path), look);
      watcher.on("error", () => watcher?.close());
      look();
    } catch (error) {
      stop();
      reject(error);
    }
  });
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
