import { createHmac } from "node:crypto";
import { sign } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { isGithubSignature, isGitlabToken, isStandardWebhook } from "./signature.ts";

describe("isGithubSignature", () => {
  const body = Buffer.from('{"zen":"Keep it logically awesome. ✨"}');
  const hex = createHmac("sha256", "right").update(body).digest("hex");

  test("accepts what GitHub's own library signs", async () => {
    expect(isGithubSignature(await sign("right", body.toString()), body, ["right"])).toBe(true);
  });

  test("accepts any of several secrets while one is being replaced", () => {
    expect(isGithubSignature(`sha256=${hex}`, body, ["old", "right"])).toBe(true);
    expect(isGithubSignature(`sha256=${hex}`, body, ["right", "new"])).toBe(true);
  });

  test("counts every byte, also those that are not UTF-8", () => {
    const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);
    const signature = `sha256=${createHmac("sha256", "right").update(bytes).digest("hex")}`;
    expect(isGithubSignature(signature, bytes, ["right"])).toBe(true);
    expect(isGithubSignature(signature, Buffer.from(bytes.toString()), ["right"])).toBe(false);
  });

  test.each([
    ["missing", undefined],
    ["empty", ""],
    ["without its prefix", hex],
    ["truncated", `sha256=${hex.slice(0, -1)}`],
    ["with a digit too many", `sha256=${hex}0`],
    ["in upper case", `sha256=${hex.toUpperCase()}`],
    ["with an upper-case prefix", `SHA256=${hex}`],
    ["SHA-1", `sha1=${createHmac("sha1", "right").update(body).digest("hex")}`],
    ["of another secret", `sha256=${createHmac("sha256", "wrong").update(body).digest("hex")}`],
    ["of the empty secret", `sha256=${createHmac("sha256", "").update(body).digest("hex")}`],
  ])("refuses a signature that is %s", (_name, signature) => {
    expect(isGithubSignature(signature, body, ["right", ""])).toBe(false);
  });

  test("refuses everything when there is no secret", () => {
    expect(isGithubSignature(`sha256=${hex}`, body, [])).toBe(false);
  });
});

describe("isGitlabToken", () => {
  test("accepts one of the tokens and nothing else", () => {
    expect(isGitlabToken("b", ["a", "b"])).toBe(true);
    for (const wrong of [undefined, "", "c", "bb", "B"]) expect(isGitlabToken(wrong, ["a", "b", ""])).toBe(false);
  });
});

describe("isStandardWebhook", () => {
  const secret = `whsec_${Buffer.from("a signing token of thirty bytes").toString("base64")}`;
  const body = Buffer.from('{"object_kind":"push"}');
  const sentAt = new Date();
  const signature = new Webhook(secret).sign("msg_1", sentAt, body);
  const headers = { id: "msg_1", timestamp: String(Math.floor(sentAt.getTime() / 1_000)), signature };

  test("accepts what the standard's own library signs, among several secrets and signatures", () => {
    expect(isStandardWebhook(headers, body, [secret], sentAt.getTime())).toBe(true);
    const several = { ...headers, signature: `v1,${"A".repeat(43)}= v2,x ${signature}` };
    expect(isStandardWebhook(several, body, ["whsec_b3RoZXI=", secret], sentAt.getTime())).toBe(true);
  });

  test("accepts five minutes of difference either way and no more", () => {
    const at = (seconds: number) =>
      isStandardWebhook(headers, body, [secret], (Number(headers.timestamp) + seconds) * 1_000);
    expect([at(-301), at(-300), at(300), at(301)]).toEqual([false, true, true, false]);
  });

  test.each([
    ["another id", { ...headers, id: "msg_2" }],
    ["another time", { ...headers, timestamp: String(Number(headers.timestamp) + 1) }],
    ["a time that is no number", { ...headers, timestamp: `${headers.timestamp}x` }],
    ["no signature", { ...headers, signature: undefined }],
    ["no id", { ...headers, id: undefined }],
    ["another version", { ...headers, signature: signature.replace("v1,", "v1a,") }],
    ["a cut signature", { ...headers, signature: signature.slice(0, -6) }],
  ])("refuses %s", (_name, wrong) => {
    expect(isStandardWebhook(wrong, body, [secret], sentAt.getTime())).toBe(false);
  });

  test("refuses another body, another secret and an empty one", () => {
    expect(isStandardWebhook(headers, Buffer.from("{}"), [secret], sentAt.getTime())).toBe(false);
    expect(isStandardWebhook(headers, body, ["whsec_b3RoZXI=", "whsec_", ""], sentAt.getTime())).toBe(false);
  });
});
