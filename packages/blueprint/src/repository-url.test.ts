import { expect, test } from "vitest";
import { findRepositoryMistake, normaliseRepositoryUrl } from "./repository-url.ts";

test.each([
  ["https://github.com/Owner/Site", "github.com/owner/site"],
  ["https://github.com/owner/site.git", "github.com/owner/site"],
  ["https://GitHub.com:443/owner/site/", "github.com/owner/site"],
  ["https://user:secret@github.com/owner/site.git/", "github.com/owner/site"],
  ["http://github.com/owner/site", "github.com/owner/site"],
  ["git@github.com:owner/site.git", "github.com/owner/site"],
  ["github.com:owner/site", "github.com/owner/site"],
  ["ssh://git@github.com/owner/site.git", "github.com/owner/site"],
  ["ssh://git@github.com:22/owner/site", "github.com/owner/site"],
  ["git://github.com/owner/site", "github.com/owner/site"],
  ["https://git.example.com/Owner/Site", "git.example.com/Owner/Site"],
  ["https://git.example.com:3000/Owner/Site.git", "git.example.com:3000/Owner/Site"],
  ["ssh://git@git.example.com:2222/Owner/Site.git", "git.example.com:2222/Owner/Site"],
  ["https://git.example.com/a%20b/c", "git.example.com/a b/c"],
  ["https://git.example.com/%zz/c", "git.example.com/%zz/c"],
  ["git@[::1]:owner/site", "[::1]/owner/site"],
  ["file:///srv/git/site.git", "/srv/git/site"],
  ["file:///srv/git/site/.git", "/srv/git/site"],
  ["/srv/git/site/", "/srv/git/site"],
  ["/srv/git/site", "/srv/git/site"],
  ["https://github.com/", undefined],
  ["https://", undefined],
  ["ext::sh -c true", undefined],
  ["site", undefined],
  ["", undefined],
])("%j is %j", (address, name) => {
  expect(normaliseRepositoryUrl(address)).toBe(name);
});

test("a different port is a different server", () => {
  expect(normaliseRepositoryUrl("https://h:1/a")).not.toBe(normaliseRepositoryUrl("https://h:2/a"));
});

test.each([
  ["https://github.com/owner/site", undefined],
  ["git@github.com:owner/site.git", undefined],
  ["ssh://git@host:2222/owner/site", undefined],
  ["/srv/git/site", undefined],
  ["--upload-pack=id", '"--upload-pack=id" is not allowed: an address must not begin with "-"'],
  ["https://h/a b", '"https://h/a b" is not allowed: an address must not hold spaces or control characters'],
  ["https://h/a\n", '"https://h/a\\n" is not allowed: an address must not hold spaces or control characters'],
  ["ext::sh", '"ext::sh" is not allowed: remote helpers such as ext:: are not allowed'],
  ["https://me:pw@h/a/b", "an address must not hold a password; use git_authentication in config.json"],
  [
    "owner/site",
    '"owner/site" is not allowed: write an address such as "https://github.com/owner/repository", "ssh://git@host/owner/repository" or "git@host:owner/repository"',
  ],
])("the mistake in %j", (address, mistake) => {
  expect(findRepositoryMistake(address)).toBe(mistake);
});
