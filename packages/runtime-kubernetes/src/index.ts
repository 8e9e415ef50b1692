export { accessRules } from "./access-rules.ts";
export {
  buildCiliumPolicy,
  buildNetworkPolicy,
  type CiliumNetworkPolicy,
  componentLabels,
  egressPolicyName,
  type EgressSettings,
} from "./egress-policy.ts";
export type { EgressWanted } from "./egress-reconciler.ts";
export { createKubernetesDriver, type KubernetesDriverOptions } from "./kubernetes-driver.ts";
export {
  buildPod,
  buildSecret,
  labels,
  objectName,
  ownedBy,
  type PodSettings,
  podPaths,
  type RunAsPolicy,
} from "./pod-spec.ts";
export { type PodView, viewPod } from "./pod-view.ts";
