// API tokens, known by their hash alone.
import { type ApiToken, DanubeError } from "@danube/protocol";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { WriteTransaction } from "../sql/transaction.ts";

export type NewApiToken = Omit<ApiToken, "createdAt"> & { readonly tokenSha256: string };

const hashOf = prepare<{ tokenId: string }>()((p) =>
  sqlBuilder.selectFrom("api_tokens").select("token_sha256").where("id", "=", p.tokenId),
);
const revoke = prepare<{ tokenId: string; at: string }>()((p) =>
  sqlBuilder
    .updateTable("api_tokens")
    .set({ revoked_at: p.at })
    .where("id", "=", p.tokenId)
    .where("revoked_at", "is", null),
);

/** Stores a token's hash. The same one again changes nothing. Throws `idempotency_mismatch` when the id stands for another. */
export function createToken(transaction: WriteTransaction, token: NewApiToken): void {
  const existing = transaction.first(hashOf({ tokenId: token.id }));
  if (existing?.token_sha256 === token.tokenSha256) return;
  if (existing) {
    throw new DanubeError("idempotency_mismatch", `Token ${token.id} is another one.`, { ids: { tokenId: token.id } });
  }
  transaction.run(
    sqlBuilder
      .insertInto("api_tokens")
      .values({
        id: token.id,
        name: token.name,
        subject: token.subject,
        token_sha256: token.tokenSha256,
        scopes: JSON.stringify(token.scopes),
        created_at: transaction.now,
        expires_at: token.expiresAt ?? null,
      })
      .compile(),
  );
}

/** Makes a token worthless from now on. Tells whether it was worth something. */
export function revokeToken(transaction: WriteTransaction, tokenId: string): boolean {
  return transaction.run(revoke({ tokenId, at: transaction.now })).changes === 1;
}
