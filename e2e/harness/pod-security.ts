// What the restricted Pod Security Standard says about a Pod that exists. The admission controller that enforces it came with
// Kubernetes 1.23, so the tests look themselves.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted

interface SecurityContext {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
}
interface Container {
  readonly name: string;
  readonly securityContext?: SecurityContext;
  readonly ports?: readonly { readonly hostPort?: number }[];
}
export interface PodSpecView {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly volumes?: readonly ({ readonly name: string } & Record<string, unknown>)[];
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

const volumeKinds = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"];
const allowedVolumes = new Set(["name", ...volumeKinds, "projected", "secret"]);

/** Everything in which the Pod is not restricted; empty is good. */
export function findSecurityViolations(spec: PodSpecView): string[] {
  const found: string[] = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((key) => spec[key]);
  for (const volume of spec.volumes ?? [])
    for (const kind of Object.keys(volume)) if (!allowedVolumes.has(kind)) found.push(`volume ${volume.name}: ${kind}`);
  for (const { name, securityContext = {}, ports = [] } of [...(spec.initContainers ?? []), ...spec.containers]) {
    const context = { ...spec.securityContext, ...securityContext };
    const rules: Record<string, boolean> = {
      privileged: context.privileged !== true,
      allowPrivilegeEscalation: context.allowPrivilegeEscalation === false,
      root: context.runAsNonRoot === true && context.runAsUser !== 0,
      capabilities:
        context.capabilities?.drop?.includes("ALL") === true && (context.capabilities.add ?? []).length === 0,
      seccomp: ["RuntimeDefault", "Localhost"].includes(context.seccompProfile?.type ?? ""),
      hostPort: ports.every(({ hostPort }) => !hostPort),
    };
    for (const [rule, kept] of Object.entries(rules)) if (!kept) found.push(`${name}: ${rule}`);
  }
  return found;
}
