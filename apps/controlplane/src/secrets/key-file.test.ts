import { chmod, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKeyFile, ensureKeyFile, readKeyFile } from "./key-file.ts";

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "danube-key-"));
  file = path.join(directory, "keys", "encryption.key");
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe("key files", () => {
  test("a missing file is told, and made once with mode 0600 and nothing left beside it", async () => {
    expect(await readKeyFile(file)).toBeUndefined();
    const key = await ensureKeyFile(file);
    expect(key.length).toBe(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
    expect(await readdir(path.dirname(file))).toEqual(["encryption.key"]);
    expect((await ensureKeyFile(file)).equals(key)).toBe(true);
  });

  test("a key is never replaced", async () => {
    const key = await createKeyFile(file);
    await expect(createKeyFile(file)).rejects.toThrow(/EEXIST/);
    expect((await readKeyFile(file))?.equals(key)).toBe(true);
    expect(await readdir(path.dirname(file))).toEqual(["encryption.key"]);
  });

  test("a file that others may read is refused, with the command that helps", async () => {
    await createKeyFile(file);
    for (const mode of [0o640, 0o604, 0o660]) {
      await chmod(file, mode);
      await expect(readKeyFile(file)).rejects.toThrow(/chmod 600/);
    }
  });

  test("a damaged file is refused and its content not told", async () => {
    await createKeyFile(file);
    for (const content of ["", "short", "A".repeat(44), `${"A".repeat(42)}+`]) {
      await writeFile(file, content);
      await expect(readKeyFile(file)).rejects.toThrow(/is damaged/);
    }
  });

  test("a symbolic link is not followed", async () => {
    await createKeyFile(file);
    const other = path.join(directory, "other.key");
    await symlink(file, other);
    await expect(readKeyFile(other)).rejects.toThrow(/cannot be opened/);
  });
});
