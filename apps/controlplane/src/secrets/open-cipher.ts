// The cipher of a data directory: its key is made with the first start, and never silently replaced.
import { listStoredSecrets, type ReadTransaction } from "@danube/db/write";
import { DanubeError } from "@danube/protocol";
import { createKeyFile, readKeyFile } from "./key-file.ts";
import { createSecretCipher, type SecretCipher } from "./secret-cipher.ts";

/**
 * Opens the cipher with the key in `keyFile`. Refuses with `decryption_failed` when there are secrets and the key is missing or
 * another one: going on would make them unreadable for good.
 */
export async function openCipher(
  keyFile: string,
  read: <T>(work: (transaction: ReadTransaction) => T) => T,
): Promise<SecretCipher> {
  const secrets = read((transaction) => listStoredSecrets(transaction));
  const key = await readKeyFile(keyFile);
  if (!key) {
    if (secrets.length > 0) {
      throw new DanubeError(
        "decryption_failed",
        `The database holds ${secrets.length} secrets, but their key ${keyFile} is missing: restore it from a backup, or delete the secrets.`,
      );
    }
    return createSecretCipher(await createKeyFile(keyFile));
  }
  const cipher = createSecretCipher(key);
  const foreign = secrets.find((secret) => secret.keyId !== cipher.keyId);
  if (foreign) {
    throw new DanubeError(
      "decryption_failed",
      `The key ${keyFile} (id ${cipher.keyId}) is not the one that the secret "${foreign.name}" was encrypted with (id ${foreign.keyId}): restore the right key from a backup.`,
    );
  }
  return cipher;
}
