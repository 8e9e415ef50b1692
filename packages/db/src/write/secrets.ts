// Secrets, as ciphertext: what encrypts and decrypts them is the control plane's.
import { sqlBuilder } from "../sql/builder.ts";
import { prepare, prepareConstant } from "../sql/prepare.ts";
import type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";

/** Which secret: one of a pipeline, or without `pipelineId` one of all pipelines. */
export interface SecretKey {
  readonly pipelineId?: string;
  readonly name: string;
}

export interface StoredSecret extends SecretKey {
  readonly id: string;
  readonly keyId: string;
  /** `[12-byte nonce][ciphertext][16-byte tag]`, AES-256-GCM. */
  readonly ciphertext: Buffer;
}

interface SecretRow {
  readonly id: string;
  readonly pipeline_id: string | null;
  readonly name: string;
  readonly key_id: string;
  readonly ciphertext: Buffer;
}

const columns = ["id", "pipeline_id", "name", "key_id", "ciphertext"] as const;
const ofPipeline = prepare<{ pipelineId: string; name: string }>()((p) =>
  sqlBuilder.selectFrom("secrets").select(columns).where("pipeline_id", "=", p.pipelineId).where("name", "=", p.name),
);
const global = prepare<{ name: string }>()((p) =>
  sqlBuilder.selectFrom("secrets").select(columns).where("pipeline_id", "is", null).where("name", "=", p.name),
);
const visibleTo = prepare<{ pipelineId: string }>()((p) =>
  sqlBuilder
    .selectFrom("secrets")
    .select(columns)
    .where((builder) => builder.or([builder("pipeline_id", "=", p.pipelineId), builder("pipeline_id", "is", null)]))
    .orderBy("name"),
);
const everySecret = prepareConstant(() => sqlBuilder.selectFrom("secrets").select(columns).orderBy("id"));
const replace = prepare<{ id: string; expectedKeyId: string; keyId: string; ciphertext: Buffer; at: string }>()((p) =>
  sqlBuilder
    .updateTable("secrets")
    .set({ key_id: p.keyId, ciphertext: p.ciphertext, updated_at: p.at })
    .where("id", "=", p.id)
    .where("key_id", "=", p.expectedKeyId),
);

/** Exactly this secret, if it exists: a pipeline's lookup does not fall back to the global one. */
export function findSecret(transaction: ReadTransaction, key: SecretKey): StoredSecret | undefined {
  const row =
    key.pipelineId === undefined
      ? transaction.first(global({ name: key.name }))
      : transaction.first(ofPipeline({ pipelineId: key.pipelineId, name: key.name }));
  return row && toStoredSecret(row);
}

/** What jobs of a pipeline may ask for, by name: its own secrets, and the global ones that none of its own hides. */
export function listSecretsOfPipeline(transaction: ReadTransaction, pipelineId: string): StoredSecret[] {
  const byName = new Map<string, StoredSecret>();
  for (const secret of transaction.all(visibleTo({ pipelineId })).map(toStoredSecret)) {
    if (secret.pipelineId !== undefined || !byName.has(secret.name)) byName.set(secret.name, secret);
  }
  return [...byName.values()];
}

/** Every secret there is: for the rotation of keys. */
export function listStoredSecrets(transaction: ReadTransaction): StoredSecret[] {
  return transaction.all(everySecret()).map(toStoredSecret);
}

/** Stores a secret or replaces its value; a replaced one keeps its id, which is returned. */
export function putSecret(transaction: WriteTransaction, secret: StoredSecret): { readonly id: string } {
  const existing = findSecret(transaction, secret);
  if (existing) {
    const { keyId, ciphertext } = secret;
    const at = transaction.now;
    transaction.run(replace({ id: existing.id, expectedKeyId: existing.keyId, keyId, ciphertext, at }));
    return { id: existing.id };
  }
  transaction.run(
    sqlBuilder
      .insertInto("secrets")
      .values({
        id: secret.id,
        pipeline_id: secret.pipelineId ?? null,
        name: secret.name,
        key_id: secret.keyId,
        ciphertext: secret.ciphertext,
        created_at: transaction.now,
        updated_at: transaction.now,
      })
      .compile(),
  );
  return { id: secret.id };
}

/** Puts the same value under another key, if it still is under `expectedKeyId`. Tells whether it was. */
export function rekeySecret(
  transaction: WriteTransaction,
  change: {
    readonly id: string;
    readonly expectedKeyId: string;
    readonly keyId: string;
    readonly ciphertext: Buffer;
  },
): boolean {
  return transaction.run(replace({ ...change, at: transaction.now })).changes === 1;
}

/** Deletes a secret. Tells whether there was one. */
export function deleteSecret(transaction: WriteTransaction, key: SecretKey): boolean {
  const existing = findSecret(transaction, key);
  if (!existing) return false;
  transaction.run(sqlBuilder.deleteFrom("secrets").where("id", "=", existing.id).compile());
  return true;
}

function toStoredSecret(row: SecretRow): StoredSecret {
  return {
    id: row.id,
    ...(row.pipeline_id === null ? {} : { pipelineId: row.pipeline_id }),
    name: row.name,
    keyId: row.key_id,
    ciphertext: row.ciphertext,
  };
}
