import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { createGithubForge } from "./github-forge.ts";

const body = Buffer.from("{}");
const signedWith = (secret: string) => ({
  "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
});

test("a body is read only where a secret could prove it", () => {
  expect(createGithubForge(["s"]).mayBeAuthentic(signedWith("other"))).toBe(true);
  expect(createGithubForge(["s"]).mayBeAuthentic({})).toBe(false);
  for (const secrets of [[], [""]]) {
    expect(createGithubForge(secrets).mayBeAuthentic(signedWith(""))).toBe(false);
    expect(createGithubForge(secrets).isAuthentic(signedWith(""), body)).toBe(false);
  }
});
