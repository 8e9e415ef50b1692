// What Kubernetes itself needs, with nothing of ours in between: the start of a Pod and one exec, through `kubectl proxy`, so
// that no client's own start is counted.
import { randomBytes } from "node:crypto";
import { startProcess } from "@danube/e2e/harness";

export interface BarePods {
  /** From the request that makes a Pod with one container to the first command in it, in ms; and an exec in that Pod. */
  measure(): Promise<{ readonly startMs: number; readonly execMs: number }>;
  stop(): Promise<void>;
}

export async function openBarePods(namespace: string, image: string): Promise<BarePods> {
  // By default it lets no exec through.
  const proxy = startProcess("kubectl", ["proxy", "--port=0", "--reject-paths=^$"]);
  const port = await proxy.line((line) => /Starting to serve on 127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
  const pods = `http://127.0.0.1:${port}/api/v1/namespaces/${namespace}/pods`;

  /** The output of a pod's only container, once there is some. */
  async function firstLine(name: string): Promise<string> {
    for (;;) {
      const answer = await fetch(`${pods}/${name}/log`);
      const text = answer.ok ? await answer.text() : "";
      if (text.includes("\n")) return text.trim();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** From opening the connection to the command's exit status. Source: Kubernetes, "v4.channel.k8s.io". */
  async function execMs(name: string): Promise<number> {
    const at = performance.now();
    const query = "command=true&stdout=true&stderr=true";
    const socket = new WebSocket(`${pods.replace("http:", "ws:")}/${name}/exec?${query}`, "v4.channel.k8s.io");
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("close", () => resolve());
      socket.addEventListener("error", () => reject(new Error("exec failed")));
    });
    return performance.now() - at;
  }

  return {
    async measure() {
      const name = `bare-${randomBytes(6).toString("hex")}`;
      const command = ["/bin/sh", "-c", "date +%s%N; sleep 600"];
      const body = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: "bare", image, command, imagePullPolicy: "IfNotPresent" }],
        },
      };
      const at = performance.timeOrigin + performance.now();
      const headers = { "content-type": "application/json" };
      const answer = await fetch(pods, { method: "POST", headers, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`a bare Pod was refused: ${await answer.text()}`);
      try {
        const startMs = Number(await firstLine(name)) / 1e6 - at;
        const times = [];
        for (let round = 0; round < 5; round += 1) times.push(await execMs(name));
        return { startMs, execMs: times.sort((a, b) => a - b)[2] ?? Number.NaN };
      } finally {
        await fetch(`${pods}/${name}`, { method: "DELETE" });
      }
    },
    async stop() {
      await proxy.kill("SIGTERM");
    },
  };
}
