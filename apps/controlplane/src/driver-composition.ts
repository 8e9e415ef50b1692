// Which driver runs the jobs: the only file that knows the drivers there are.
import type { Logger, Metrics, ServerConfig } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { RuntimeDriver } from "@danube/runtime";
import type { EgressWanted } from "@danube/runtime-kubernetes";
import { dataPaths } from "./config.ts";

/** What only the Kubernetes runtime needs; without it nobody looks after network policies. */
type EgressKey = "egressPolicy" | "egressCidrs";

export interface DriverCompositionOptions {
  readonly config: Pick<ServerConfig, "runtime"> & {
    readonly kubernetes: Omit<ServerConfig["kubernetes"], EgressKey> &
      Partial<Pick<ServerConfig["kubernetes"], EgressKey>>;
    readonly server: { readonly dataDirectory: string } & Partial<
      Pick<ServerConfig["server"], "rpcUrl" | "rpcAddress">
    >;
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

function egressOf({ kubernetes, server }: DriverCompositionOptions["config"]): EgressWanted | undefined {
  if (kubernetes.egressPolicy === "off") return { enforced: false };
  if (server.rpcUrl === undefined || server.rpcAddress === undefined) return undefined;
  return {
    enforced: true,
    settings: {
      namespace: kubernetes.namespaceJobs,
      namespaceSystem: kubernetes.namespaceSystem,
      instance: kubernetes.namespaceSystem,
      rpcUrl: server.rpcUrl,
      rpcPort: server.rpcAddress.port,
      cidrs: kubernetes.egressCidrs ?? [],
    },
  };
}

async function composeKubernetes({ config, logger, metrics }: DriverCompositionOptions): Promise<RuntimeDriver> {
  const { coordinatorImage, context, namespaceJobs, namespaceSystem } = config.kubernetes;
  const { imagePullGraceMs, unschedulableGraceMs } = config.kubernetes;
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
    imagePullGraceMs,
    unschedulableGraceMs,
    egress: egressOf(config),
    logger,
    metrics,
  });
}
