// How secrets are stored: AES-256-GCM, `[12 bytes nonce][ciphertext][16 bytes tag]`. The key's id, the pipeline and the name
// are bound to the ciphertext as additional data, so that a row copied to another pipeline or name does not open.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { DanubeError } from "@danube/protocol";

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;
export const keyBytes = 32;

/** Where a secret belongs. */
export interface SecretPlace {
  /** Absent for a global secret. */
  readonly pipelineId?: string;
  readonly name: string;
}

export interface SecretCipher {
  /** Names the key without telling anything of it; stored beside each ciphertext. */
  readonly keyId: string;
  encrypt(place: SecretPlace, value: string): Buffer;
  /** Throws `decryption_failed` when the bytes were changed, moved to another place, or encrypted with another key. */
  decrypt(place: SecretPlace, stored: { readonly keyId: string; readonly ciphertext: Uint8Array }): string;
}

export function createSecretCipher(key: Uint8Array): SecretCipher {
  if (key.length !== keyBytes) throw new DanubeError("corrupt", `An encryption key must have ${keyBytes} bytes.`);
  const keyId = keyIdOf(key);
  return {
    keyId,
    encrypt(place, value) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(additionalData(keyId, place));
      return Buffer.concat([nonce, cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()]);
    },
    decrypt(place, stored) {
      const bytes = Buffer.from(stored.ciphertext);
      try {
        if (stored.keyId !== keyId)
          throw new Error(`it was encrypted with key ${stored.keyId}, and this is key ${keyId}`);
        if (bytes.length < nonceBytes + tagBytes) throw new Error("it is too short");
        const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
        decipher.setAAD(additionalData(keyId, place));
        decipher.setAuthTag(bytes.subarray(-tagBytes));
        const value = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
        return Buffer.concat([value, decipher.final()]).toString("utf8");
      } catch (cause) {
        throw new DanubeError(
          "decryption_failed",
          `The secret "${place.name}" cannot be decrypted: the stored bytes are damaged or belong to another key or pipeline. Set it again.`,
          { cause },
        );
      }
    },
  };
}

function keyIdOf(key: Uint8Array): string {
  return createHash("sha256").update("danube key id\0").update(key).digest("hex").slice(0, 16);
}

/** JSON, so that no two places have the same bytes. */
function additionalData(keyId: string, place: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify(["danube secret v1", keyId, place.pipelineId ?? null, place.name]), "utf8");
}
