import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hideFromGit } from "./up.ts";

it("the keys of a data directory within a repository are not added by git add", () => {
  const repository = mkdtempSync(join(tmpdir(), "danube-cli-"));
  const git = (...words: string[]) => execFileSync("git", words, { cwd: repository, encoding: "utf8" });
  git("init", "--quiet");
  mkdirSync(join(repository, ".danube/keys"), { recursive: true });
  writeFileSync(join(repository, ".danube/keys/encryption.key"), "secret");
  hideFromGit(join(repository, ".danube"));
  git("add", "--all");
  expect(git("status", "--porcelain", "--untracked-files=all")).toBe("");
  writeFileSync(join(repository, ".danube/.gitignore"), "mine");
  hideFromGit(join(repository, ".danube"));
  expect(readFileSync(join(repository, ".danube/.gitignore"), "utf8")).toBe("mine");
});
