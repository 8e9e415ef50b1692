// The secrets of one job, decrypted when it starts and held in memory until it ends.
import { listSecretsOfPipeline, type ReadTransaction } from "@danube/db/write";
import type { Job } from "@danube/protocol";
import type { SecretCipher } from "./secret-cipher.ts";

/**
 * Every secret that the job may ask for, by name: its pipeline's own and the global ones, of which the own win. A pull request
 * from a fork gets none, whatever it asks for. Throws `decryption_failed`.
 */
export function loadJobSecrets(transaction: ReadTransaction, cipher: SecretCipher, job: Job): Map<string, string> {
  if (job.trigger.pullRequest?.isFork === true) return new Map();
  const stored = listSecretsOfPipeline(transaction, job.pipelineId);
  return new Map(stored.map((secret) => [secret.name, cipher.decrypt(secret, secret)]));
}
