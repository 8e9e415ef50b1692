// Which driver runs the jobs: the only file that knows the drivers there are.
import type { Logger, Metrics, ServerConfig } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { RuntimeDriver } from "@danube/runtime";
import { dataPaths } from "./config.ts";

export interface DriverCompositionOptions {
  readonly config: Pick<ServerConfig, "runtime" | "kubernetes"> & {
    readonly server: { readonly dataDirectory: string };
  };
  /** Local runtime: the command that starts a Coordinator. */
  readonly coordinatorCommand: readonly string[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Local runtime: the environment of which jobs get the few variables that are on the allow-list. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** The driver that the configuration asks for. The other one is not even loaded. */
export async function composeDriver(options: DriverCompositionOptions): Promise<RuntimeDriver> {
  const { config, logger } = options;
  if (config.runtime.type === "local") {
    const { createLocalDriver } = await import("@danube/runtime-local");
    return createLocalDriver({
      root: dataPaths(config.server.dataDirectory).sandboxes,
      coordinatorCommand: options.coordinatorCommand,
      logger,
      warm: config.runtime.preparedSandboxes,
      ...(options.environment === undefined ? {} : { environment: options.environment }),
    });
  }
  return await composeKubernetes(options);
}

async function composeKubernetes({ config, logger, metrics }: DriverCompositionOptions): Promise<RuntimeDriver> {
  const { coordinatorImage, context, namespaceJobs, namespaceSystem } = config.kubernetes;
  if (coordinatorImage === undefined) {
    throw new DanubeError(
      "invalid_request",
      "kubernetes.coordinator_image is not set: name the image that holds the Coordinator (DANUBE_KUBERNETES_COORDINATOR_IMAGE).",
    );
  }
  const [{ createKubernetesDriver }, { KubeConfig }] = await Promise.all([
    import("@danube/runtime-kubernetes"),
    import("@kubernetes/client-node"),
  ]);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  if (context !== undefined) kubeConfig.setCurrentContext(context);
  return createKubernetesDriver({
    config: kubeConfig,
    pods: {
      namespace: namespaceJobs,
      coordinatorImage,
      imagePullPolicy: "IfNotPresent",
      instance: namespaceSystem,
      runAsPolicies: {},
    },
    logger,
    metrics,
  });
}
