// What the control plane's ServiceAccount must be allowed, and nothing more: all of it in the namespace of the jobs. The API
// and the scheduler need no account at all.
import type { V1PolicyRule } from "@kubernetes/client-node";
import { egressPolicyName } from "./egress-policy.ts";

/** The rules of a Role in the jobs' namespace. `cilium` says whether the cluster has Cilium's policies. */
export function accessRules({ cilium }: { cilium: boolean }): V1PolicyRule[] {
  const policies = [
    ["networking.k8s.io", "networkpolicies"],
    ...(cilium ? [["cilium.io", "ciliumnetworkpolicies"]] : []),
  ] as const;
  return [
    { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch", "create", "patch", "delete"] },
    // Exec over a web socket is a GET; current API servers ask for "create" as well.
    { apiGroups: [""], resources: ["pods/exec"], verbs: ["get", "create"] },
    { apiGroups: [""], resources: ["secrets"], verbs: ["list", "create", "delete"] },
    ...policies.flatMap(([group = "", resource = ""]): V1PolicyRule[] => [
      // A name that is not there yet cannot limit "create".
      { apiGroups: [group], resources: [resource], verbs: ["create"] },
      {
        apiGroups: [group],
        resources: [resource],
        resourceNames: [egressPolicyName],
        verbs: ["get", "update", "delete"],
      },
    ]),
  ];
}
