import { describe, expect, it } from "vitest";
import { buildCiliumPolicy, buildNetworkPolicy, type EgressSettings } from "./egress-policy.ts";

const settings: EgressSettings = {
  namespace: "danube-jobs",
  namespaceSystem: "danube-system",
  instance: "danube-system",
  rpcUrl: "http://controlplane.danube-system.svc:9000",
  rpcPort: 9_000,
  cidrs: ["203.0.113.0/24", "2001:db8::/32"],
};
const selector = { "app.kubernetes.io/managed-by": "danube", "danube.dev/instance": "danube-system" };
const systemPods = (component: string) => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "danube-system" } },
  podSelector: { matchLabels: { "app.kubernetes.io/name": "danube", "app.kubernetes.io/component": component } },
});
const controlPlane = { to: [systemPods("controlplane")], ports: [{ protocol: "TCP", port: 9_000 }] };
const registry = { to: [systemPods("registry")], ports: [{ protocol: "TCP", port: 5_000 }] };

describe("buildNetworkPolicy", () => {
  it("lets nobody in, and jobs out to DNS, the control plane, the registry and the operator's networks alone", () => {
    const { metadata, spec } = buildNetworkPolicy(settings, { cilium: false });
    expect(metadata).toEqual({ name: "danube-jobs", namespace: "danube-jobs", labels: selector });
    expect(spec).toEqual({
      podSelector: { matchLabels: selector },
      policyTypes: ["Ingress", "Egress"],
      ingress: [],
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
              podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
            },
            { ipBlock: { cidr: "169.254.20.10/32" } },
          ],
          ports: [
            { protocol: "UDP", port: 53 },
            { protocol: "TCP", port: 53 },
          ],
        },
        controlPlane,
        registry,
        { to: [{ ipBlock: { cidr: "203.0.113.0/24" } }, { ipBlock: { cidr: "2001:db8::/32" } }] },
      ],
    });
  });

  it("has no rule without a destination, which would allow everything", () => {
    const { spec } = buildNetworkPolicy({ ...settings, cidrs: [] }, { cilium: false });
    expect(spec?.egress).toHaveLength(3);
    for (const rule of spec?.egress ?? []) expect(rule.to?.length).toBeGreaterThan(0);
  });

  it("leaves DNS and the world to Cilium's policy where there is one", () => {
    expect(buildNetworkPolicy(settings, { cilium: true }).spec?.egress).toEqual([controlPlane, registry]);
  });

  it.each([
    ["http://10.1.2.3:9000", "10.1.2.3/32", 9_000],
    ["http://[2001:db8::1]:9100", "2001:db8::1/128", 9_100],
    ["http://10.1.2.3", "10.1.2.3/32", 80],
  ])("knows a control plane outside of the cluster by its address: %s", (rpcUrl, cidr, port) => {
    const [, rule] = buildNetworkPolicy({ ...settings, rpcUrl }, { cilium: false }).spec?.egress ?? [];
    expect(rule).toEqual({ to: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port }] });
  });
});

describe("buildCiliumPolicy", () => {
  const dns = {
    toEndpoints: [{ matchLabels: { "k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:k8s-app": "kube-dns" } }],
    toPorts: [{ ports: [{ port: "53", protocol: "ANY" }], rules: { dns: [{ matchPattern: "*" }] } }],
  };

  it("allows the names and patterns of the allow-list, each once, and lets Cilium see the answers of DNS", () => {
    const policy = buildCiliumPolicy(settings, ["*.example.com", "registry.npmjs.org", "*.example.com"]);
    expect(policy).toMatchObject({ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" });
    expect(policy.spec.endpointSelector).toEqual({ matchLabels: selector });
    expect(policy.spec.egress).toEqual([
      dns,
      { toFQDNs: [{ matchPattern: "*.example.com" }, { matchName: "registry.npmjs.org" }] },
    ]);
  });

  it("has no rule for an empty allow-list", () => {
    expect(buildCiliumPolicy(settings, []).spec.egress).toEqual([dns]);
  });

  it("keeps to the patterns of Cilium's own schema", () => {
    const names = ["a.b-c.example.com", "*.example.com"];
    for (const { toFQDNs = [] } of buildCiliumPolicy(settings, names).spec.egress) {
      for (const selector of toFQDNs) {
        if ("matchName" in selector) expect(selector.matchName).toMatch(/^([-a-zA-Z0-9_]+[.]?)+$/);
        else expect(selector.matchPattern).toMatch(/^([-a-zA-Z0-9_*]+[.]?)+$/);
      }
    }
  });
});
