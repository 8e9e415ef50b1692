import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { removeTree } from "./sandbox-directory.ts";

const home = mkdtempSync(join(tmpdir(), "danube-directory-"));
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

describe("removeTree", () => {
  it("removes what its owner may not write to, and nothing that is only linked", () => {
    const outside = join(home, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "file"), "stays");
    // Many, and with siblings, because a removal goes on in several threads after its first error.
    const trees = Array.from({ length: 60 }, (_, i) => join(home, `tree${i}`));
    for (const tree of trees) {
      mkdirSync(join(tree, "cache", "module"), { recursive: true });
      writeFileSync(join(tree, "cache", "module", "file"), "goes");
      symlinkSync(outside, join(tree, "cache", "link"));
      for (const name of ["a", "b", "c", "d"]) mkdirSync(join(tree, name, "deep"), { recursive: true });
    }
    // As another user where we are root, who may write to everything.
    const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    if (user.uid !== undefined) {
      chmodSync(home, 0o777);
      spawnSync("chown", ["-R", "65534:65534", ...trees]);
    }
    for (const tree of trees) {
      chmodSync(join(tree, "cache", "module"), 0o500);
      chmodSync(join(tree, "cache"), 0o500);
    }
    const module = pathToFileURL(join(import.meta.dirname, "sandbox-directory.ts")).href;
    const script = `
      const { removeTree } = await import("${module}");
      for (const tree of ${JSON.stringify(trees)}) await removeTree(tree);`;
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], user);
    expect(stderr.toString()).toBe("");
    expect(status).toBe(0);
    expect(readdirSync(home)).toEqual(["outside"]);
    expect(existsSync(join(outside, "file"))).toBe(true);
  });

  it("does not mind what is not there", async () => {
    await expect(removeTree(join(home, "none"))).resolves.toBeUndefined();
  });
});
