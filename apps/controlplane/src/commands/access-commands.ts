// Secrets, API tokens and the audit log.
import {
  createToken,
  deleteSecret,
  findPipelineByName,
  putSecret,
  type ReadTransaction,
  recordAudit,
} from "@danube/db/write";
import { DanubeError } from "@danube/protocol";
import type { CommandContext, CommandHandlers } from "./command-context.ts";

type AccessCommands = Pick<CommandHandlers, "setSecret" | "deleteSecret" | "createToken" | "recordAudit">;

export function createAccessCommands({ environment, cipher }: CommandContext): AccessCommands {
  const { committer, newId } = environment;
  return {
    setSecret: ({ name, pipelineName, value, actor }) =>
      committer.commit((transaction) => {
        const place = { name, ...pipelineIdOf(transaction, pipelineName) };
        putSecret(transaction, {
          id: newId(),
          ...place,
          keyId: cipher.keyId,
          ciphertext: cipher.encrypt(place, value),
        });
        const target = targetOf(name, pipelineName);
        recordAudit(transaction, { id: newId(), actor, action: "secret.set", target, result: "ok" });
        return {};
      }),
    deleteSecret: ({ name, pipelineName, actor }) =>
      committer.commit((transaction) => {
        const deleted = deleteSecret(transaction, { name, ...pipelineIdOf(transaction, pipelineName) });
        const target = targetOf(name, pipelineName);
        const result = deleted ? "ok" : "failed";
        recordAudit(transaction, { id: newId(), actor, action: "secret.delete", target, result });
        return { deleted };
      }),
    createToken: ({ actor, ...token }) =>
      committer.commit((transaction) => {
        createToken(transaction, token);
        recordAudit(transaction, { id: newId(), actor, action: "token.create", target: token.name, result: "ok" });
        return {};
      }),
    recordAudit: (entry) =>
      committer.commit((transaction) => {
        recordAudit(transaction, entry);
        return {};
      }),
  };
}

function pipelineIdOf(transaction: ReadTransaction, pipelineName: string | undefined): { pipelineId?: string } {
  if (pipelineName === undefined) return {};
  const pipeline = findPipelineByName(transaction, pipelineName);
  if (!pipeline) throw new DanubeError("not_found", `There is no pipeline "${pipelineName}".`);
  return { pipelineId: pipeline.id };
}

function targetOf(name: string, pipelineName: string | undefined): string {
  return pipelineName === undefined ? name : `${pipelineName}/${name}`;
}
