// The Blueprint: what is applied, and what each sync came to.
import { formatPlan, planChanges } from "@danube/blueprint";
import { applyConfiguration, getAppliedConfiguration, recordAudit, recordBlueprintSync } from "@danube/db/write";
import { configureDriver } from "./configure-driver.ts";
import type { CommandContext, CommandHandlers } from "./command-context.ts";

type ConfigurationCommands = Pick<CommandHandlers, "applyBlueprint" | "recordBlueprintSync">;

export function createConfigurationCommands({ environment }: CommandContext): ConfigurationCommands {
  const { committer, logger, metrics, newId } = environment;
  return {
    async applyBlueprint({ syncId, commitSha, configuration, startedAt }) {
      const changes = await committer.commit((transaction, emit) => {
        const before = getAppliedConfiguration(transaction);
        const plan = planChanges(before.commitSha === undefined ? undefined : before.configuration, configuration);
        applyConfiguration(transaction, { configuration, commitSha, newId });
        recordBlueprintSync(transaction, {
          id: syncId,
          status: "applied",
          commitSha,
          errors: [],
          changesApplied: plan.length,
          startedAt,
        });
        recordAudit(transaction, {
          id: newId(),
          actor: { subject: "blueprint" },
          action: "configuration.apply",
          target: commitSha,
          result: "ok",
          detail: `${plan.length} changes`,
        });
        emit({ type: "configuration", commitSha });
        return plan;
      });
      configureDriver(environment);
      metrics.blueprintChangesAppliedTotal.add(changes.length);
      logger.info("A configuration was applied", { commitSha, changes: changes.length, plan: formatPlan(changes) });
      return { changes };
    },
    recordBlueprintSync: ({ syncId, status, commitSha, errors, startedAt }) =>
      committer.commit((transaction, emit) => {
        recordBlueprintSync(transaction, { id: syncId, status, commitSha, errors, changesApplied: 0, startedAt });
        emit({ type: "configuration", commitSha });
        return {};
      }),
  };
}
