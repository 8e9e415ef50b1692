import { describe, expect, test } from "vitest";
import { gitAuthorization } from "./git-authorization.ts";

const secrets = new Map([
  ["GITHUB", "t1"],
  ["GITLAB", "t2"],
]);
const entries = [
  { type: "https_token", name: "a", match_patterns: ["github.com/team/*"], token_secret: "GITHUB" },
  { type: "gitlab_token", name: "b", match_patterns: ["https://gitlab.example.com/**"], token_secret: "GITLAB" },
  { type: "https_token", name: "c", match_patterns: ["**"], token_secret: "MISSING" },
] as const;
const ask = (url: string) => {
  const value = gitAuthorization(
    url,
    entries.map((entry) => ({ ...entry, match_patterns: [...entry.match_patterns] })),
    secrets,
  );
  return value === undefined ? undefined : Buffer.from(value.replace("Basic ", ""), "base64").toString();
};

describe("gitAuthorization", () => {
  test("gives the credentials of the first pattern that matches host and path", () => {
    expect(ask("https://github.com/team/app.git")).toBe("x-access-token:t1");
    expect(ask("https://gitlab.example.com/a/b/c")).toBe("oauth2:t2");
  });

  test("gives none to other places, other transports and look-alikes", () => {
    for (const url of [
      "https://github.com/other/app",
      "https://github.com/team/app/deeper",
      "https://githubXcom/team/app",
      "https://evil.example/github.com/team/app",
      "https://github.com.evil.example/team/app",
      "https://github.com@evil.example/team/app",
      "git@github.com:team/app.git",
      "ssh://git@github.com/team/app",
      "/srv/github.com/team/app",
    ]) {
      expect(ask(url), url).toBeUndefined();
    }
  });
});
