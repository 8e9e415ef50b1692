// The writer's commands that the API calls, straight on the real database. Encryption is the control plane's: a secret's
// value is not looked at here.
import {
  decideTrigger,
  deleteSecret,
  findPipelineByName,
  getTrigger,
  putSecret,
  recordDelivery,
  recordTrigger,
  requestCancellation,
  sqlBuilder,
  type Writer,
  type WriteTransaction,
} from "@danube/db/write";
import { newId } from "@danube/kit";
import { type CommandMethods, type Commands, commandMethods, parseWith } from "@danube/protocol";
import type { z } from "zod";
import type { ChangeHub } from "./change-hub.ts";

export type TestCommands = Pick<
  Commands,
  "recordDelivery" | "recordTrigger" | "decideTrigger" | "cancelJob" | "setSecret" | "deleteSecret"
>;

export function createTestCommands(writer: Writer, changes: Pick<ChangeHub, "publish">): TestCommands {
  const request = <N extends keyof CommandMethods>(name: N, value: unknown) =>
    parseWith(commandMethods[name].request, value, name) as z.output<CommandMethods[N]["request"]>;
  const publishTrigger = (triggerId: string | undefined): void => {
    if (triggerId === undefined) return;
    changes.publish({ type: "trigger", trigger: writer.read((transaction) => getTrigger(transaction, triggerId)) });
  };

  return {
    async recordDelivery(value) {
      const delivery = request("recordDelivery", value);
      const recorded = await writer.transaction((transaction) => recordDelivery(transaction, delivery));
      if (!recorded.duplicate) publishTrigger(recorded.triggerId);
      return recorded;
    },
    async recordTrigger(value) {
      const trigger = request("recordTrigger", value);
      const recorded = await writer.transaction((transaction) => recordTrigger(transaction, trigger));
      if (!recorded.duplicate) publishTrigger(recorded.triggerId);
      return recorded;
    },
    async decideTrigger(value) {
      const decision = request("decideTrigger", value);
      const decided = await writer.transaction((transaction) => decideTrigger(transaction, decision));
      for (const job of decided.jobs) changes.publish({ type: "job", job });
      publishTrigger(decision.triggerId);
      return decided;
    },
    async cancelJob(value) {
      const { jobId, reason, actor } = request("cancelJob", value);
      const message = `Cancelled by ${actor.subject}.`;
      const { record } = await writer.transaction((transaction) =>
        requestCancellation(transaction, { jobId, reason, message }),
      );
      changes.publish({ type: "job", job: record.job });
      return { job: record.job };
    },
    async setSecret(value) {
      const { name, pipelineName } = request("setSecret", value);
      await writer.transaction((transaction) => {
        const key = { name, pipelineId: pipelineIdOf(transaction, pipelineName) };
        putSecret(transaction, { id: newId(), ...key, keyId: "none", ciphertext: Buffer.alloc(28) });
      });
      return {};
    },
    async deleteSecret(value) {
      const { name, pipelineName } = request("deleteSecret", value);
      const deleted = await writer.transaction((transaction) =>
        deleteSecret(transaction, { name, pipelineId: pipelineIdOf(transaction, pipelineName) }),
      );
      return { deleted };
    },
  };
}

/** How many rows there are, for tests that must not find one more. */
export function countStored(writer: Writer): { readonly triggers: number; readonly deliveries: number } {
  return writer.read((transaction) => ({
    triggers: transaction.all(sqlBuilder.selectFrom("triggers").select("id").compile()).length,
    deliveries: transaction.all(sqlBuilder.selectFrom("webhook_deliveries").select("id").compile()).length,
  }));
}

function pipelineIdOf(transaction: WriteTransaction, name: string | undefined): string | undefined {
  return name === undefined ? undefined : findPipelineByName(transaction, name)?.id;
}
