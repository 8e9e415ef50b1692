// What a job's Pod may reach, as policies for the cluster's network: pure, from the Blueprint's allow-list and the operator's
// configuration. Nobody may connect to a job's Pod.
//
// A NetworkPolicy knows addresses and no names: it lets jobs reach DNS, the control plane, the registry, and the networks that
// the operator lists. Where Cilium runs, a CiliumNetworkPolicy adds the names. Policies add up: what either allows is allowed.
// Sources: https://kubernetes.io/docs/concepts/services-networking/network-policies/,
// https://docs.cilium.io/en/stable/security/policy/language/#dns-based
import { isIP } from "node:net";
import type { V1NetworkPolicy, V1NetworkPolicyEgressRule, V1NetworkPolicyPeer } from "@kubernetes/client-node";
import { labels } from "./pod-spec.ts";

/** The name of both policies in the jobs' namespace. One installation has it to itself. */
export const egressPolicyName = "danube-jobs";

export interface EgressSettings {
  readonly namespace: string;
  /** Where Danube's own Pods are. */
  readonly namespaceSystem: string;
  readonly instance: string;
  /** The address that Coordinators are given. A host that is an IP address is allowed as such; a name is that of our Service. */
  readonly rpcUrl: string;
  /** Where the control plane's container listens for Coordinators: policies apply behind the Service. */
  readonly rpcPort: number;
  /** Networks that jobs may reach where there is no Cilium, such as `203.0.113.0/24`. */
  readonly cidrs: readonly string[];
}

/** The labels of Danube's own Pods, by which the policies know them. */
export const componentLabels = {
  controlplane: { "app.kubernetes.io/name": "danube", "app.kubernetes.io/component": "controlplane" },
  registry: { "app.kubernetes.io/name": "danube", "app.kubernetes.io/component": "registry" },
} as const;

const registryPort = 5_000;
/** Kubernetes' DNS Service, under the label that CoreDNS has kept from kube-dns. */
const dnsLabels = { "k8s-app": "kube-dns" };
/** NodeLocal DNSCache. Source: https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/ */
const nodeLocalDns = "169.254.20.10/32";

/** The NetworkPolicy. With Cilium, DNS is the other policy's, which has to see the answers, and names replace networks. */
export function buildNetworkPolicy(settings: EgressSettings, { cilium }: { cilium: boolean }): V1NetworkPolicy {
  const { namespaceSystem, cidrs } = settings;
  const dns: V1NetworkPolicyEgressRule = {
    to: [podsOf("kube-system", dnsLabels), { ipBlock: { cidr: nodeLocalDns } }],
    ports: [
      { protocol: "UDP", port: 53 },
      { protocol: "TCP", port: 53 },
    ],
  };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadataOf(settings),
    spec: {
      podSelector: { matchLabels: jobLabels(settings) },
      policyTypes: ["Ingress", "Egress"],
      ingress: [],
      egress: [
        ...(cilium ? [] : [dns]),
        controlPlaneRule(settings),
        {
          to: [podsOf(namespaceSystem, componentLabels.registry)],
          ports: [{ protocol: "TCP", port: registryPort }],
        },
        ...(cilium || cidrs.length === 0 ? [] : [{ to: cidrs.map((cidr) => ({ ipBlock: { cidr } })) }]),
      ],
    },
  };
}

/** What we use of Cilium's resource. Source: pkg/policy/api of cilium/cilium. */
export interface CiliumNetworkPolicy {
  readonly apiVersion: "cilium.io/v2";
  readonly kind: "CiliumNetworkPolicy";
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Record<string, string>;
    readonly resourceVersion?: string;
  };
  readonly spec: {
    readonly description: string;
    readonly endpointSelector: { readonly matchLabels: Record<string, string> };
    readonly egress: readonly CiliumEgressRule[];
  };
}
export interface CiliumEgressRule {
  readonly toEndpoints?: readonly { readonly matchLabels: Record<string, string> }[];
  readonly toFQDNs?: readonly ({ readonly matchName: string } | { readonly matchPattern: string })[];
  readonly toPorts?: readonly {
    readonly ports: readonly { readonly port: string; readonly protocol: "TCP" | "UDP" | "ANY" }[];
    readonly rules?: { readonly dns: readonly { readonly matchPattern: string }[] };
  }[];
}

/**
 * The CiliumNetworkPolicy: DNS through Cilium's proxy, which learns the addresses of names from the answers, and the names of
 * the allow-list. `*.example.com` is one label before `.example.com`, and not `example.com` itself.
 */
export function buildCiliumPolicy(settings: EgressSettings, allowlist: readonly string[]): CiliumNetworkPolicy {
  const dns = { ports: [{ port: "53", protocol: "ANY" as const }], rules: { dns: [{ matchPattern: "*" }] } };
  const dnsPods = { "k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:k8s-app": dnsLabels["k8s-app"] };
  const names = [...new Set(allowlist)].sort();
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: metadataOf(settings),
    spec: {
      description: "What Danube's jobs may reach, from the Blueprint's egress_allowlist.",
      endpointSelector: { matchLabels: jobLabels(settings) },
      egress: [
        { toEndpoints: [{ matchLabels: dnsPods }], toPorts: [dns] },
        // An empty list would not mean "none" to every version of Cilium.
        ...(names.length === 0
          ? []
          : [{ toFQDNs: names.map((name) => (name.includes("*") ? { matchPattern: name } : { matchName: name })) }]),
      ],
    },
  };
}

function controlPlaneRule({ rpcUrl, rpcPort, namespaceSystem }: EgressSettings): V1NetworkPolicyEgressRule {
  const { hostname, port } = new URL(rpcUrl);
  const address = hostname.replace(/^\[|\]$/g, "");
  const family = isIP(address);
  if (family === 0)
    return {
      to: [podsOf(namespaceSystem, componentLabels.controlplane)],
      ports: [{ protocol: "TCP", port: rpcPort }],
    };
  const cidr = `${address}/${family === 4 ? 32 : 128}`;
  return { to: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port: Number(port || 80) }] };
}

function podsOf(namespace: string, matchLabels: Readonly<Record<string, string>>): V1NetworkPolicyPeer {
  return {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    podSelector: { matchLabels: { ...matchLabels } },
  };
}

function metadataOf({ namespace, instance }: EgressSettings) {
  return {
    name: egressPolicyName,
    namespace,
    labels: { [labels.managedBy]: "danube", [labels.instance]: instance },
  };
}

function jobLabels({ instance }: EgressSettings): Record<string, string> {
  return { [labels.managedBy]: "danube", [labels.instance]: instance };
}
