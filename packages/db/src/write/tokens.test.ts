import { newId } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { createQueries } from "../read/queries.ts";
import { openTestDatabase } from "../test-database.ts";
import { createToken, revokeToken } from "./tokens.ts";

const token = {
  id: newId(),
  name: "deploy",
  subject: "ada@example.com",
  tokenSha256: "ab".repeat(32),
  scopes: ["read"],
};

describe("API tokens", () => {
  it("are found by their hash until they are revoked", async () => {
    const { writer } = await openTestDatabase();
    const { tokenSha256, ...visible } = token;
    const { findTokenByHash } = createQueries(writer);
    await writer.transaction((transaction) => createToken(transaction, token));
    await writer.transaction((transaction) => createToken(transaction, token));
    expect(await findTokenByHash({ tokenSha256 })).toEqual({
      token: { ...visible, createdAt: "2026-01-01T00:00:00.000Z" },
    });
    expect(await findTokenByHash({ tokenSha256: "cd".repeat(32) })).toEqual({});
    expect(await writer.transaction((transaction) => revokeToken(transaction, token.id))).toBe(true);
    expect(await writer.transaction((transaction) => revokeToken(transaction, token.id))).toBe(false);
    expect(await findTokenByHash({ tokenSha256 })).toEqual({});
  });

  it("are not replaced under the same id or hash", async () => {
    const { writer } = await openTestDatabase();
    const create = (change: object) =>
      writer.transaction((transaction) => createToken(transaction, { ...token, ...change }));
    await create({});
    await expect(create({ tokenSha256: "cd".repeat(32) })).rejects.toMatchObject({ code: "idempotency_mismatch" });
    await expect(create({ id: newId() })).rejects.toMatchObject({ code: "conflict" });
  });
});
