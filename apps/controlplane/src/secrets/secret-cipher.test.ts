import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSecretCipher } from "./secret-cipher.ts";

const cipher = createSecretCipher(randomBytes(32));
const place = { pipelineId: "p1", name: "TOKEN" };
const seal = (value: string) => ({ keyId: cipher.keyId, ciphertext: cipher.encrypt(place, value) });

describe("createSecretCipher", () => {
  test("gives back any text that it was given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (value) => {
        expect(cipher.decrypt(place, seal(value))).toBe(value);
      }),
    );
  });

  test("stores nonce, ciphertext and tag, and no two ciphertexts are alike", () => {
    const first = cipher.encrypt(place, "hunter2");
    expect(first.length).toBe(12 + 7 + 16);
    expect(first.equals(cipher.encrypt(place, "hunter2"))).toBe(false);
    expect(first.includes("hunter2")).toBe(false);
  });

  test("refuses a ciphertext of which any bit was changed or any byte cut off", () => {
    const stored = seal("hunter2");
    for (let at = 0; at < stored.ciphertext.length; at += 1) {
      const changed = Buffer.from(stored.ciphertext);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => cipher.decrypt(place, { ...stored, ciphertext: changed })).toThrow(/cannot be decrypted/);
      const cut = stored.ciphertext.subarray(0, at);
      expect(() => cipher.decrypt(place, { ...stored, ciphertext: cut })).toThrow(/cannot be decrypted/);
    }
  });

  test("refuses a ciphertext that was moved to another name, pipeline or key", () => {
    const stored = seal("hunter2");
    expect(() => cipher.decrypt({ ...place, name: "OTHER" }, stored)).toThrow(/"OTHER" cannot be decrypted/);
    expect(() => cipher.decrypt({ ...place, pipelineId: "p2" }, stored)).toThrow(/cannot be decrypted/);
    expect(() => cipher.decrypt({ name: "TOKEN" }, stored)).toThrow(/cannot be decrypted/);
    const other = createSecretCipher(randomBytes(32));
    expect(() => other.decrypt(place, stored)).toThrow(/cannot be decrypted/);
    expect(() => other.decrypt(place, { ...stored, keyId: other.keyId })).toThrow(/cannot be decrypted/);
  });

  test("an error never holds the value", () => {
    const stored = seal("hunter2");
    try {
      cipher.decrypt({ name: "X" }, stored);
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify([String(error), (error as Error).stack])).not.toContain("hunter2");
    }
  });
});
