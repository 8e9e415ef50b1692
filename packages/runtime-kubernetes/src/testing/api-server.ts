// An API server in this process, for what the test cluster cannot have: resources that are not Kubernetes' own. It keeps objects
// by their paths, and is strict where the real one is: a name that exists, a version that is not the newest, an unknown group.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";

interface StoredObject {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly [key: string]: unknown;
}

export interface TestApiServer {
  readonly config: KubeConfig;
  /** The API groups that there are, beside the core. */
  readonly groups: Set<string>;
  /** By path, such as `/apis/networking.k8s.io/v1/namespaces/jobs/networkpolicies/name`. */
  readonly objects: Map<string, StoredObject>;
  /** Every request so far: method and path. */
  readonly requests: string[];
  /** Answers every request with 403 while it is set. */
  forbids: boolean;
  close(): Promise<void>;
}

export async function startTestApiServer(groups: readonly string[]): Promise<TestApiServer> {
  let version = 0;
  const server = createServer((request, response) => {
    void answerTo(request, response);
  });
  const state = {
    groups: new Set(groups),
    objects: new Map<string, StoredObject>(),
    requests: [] as string[],
    forbids: false,
  };

  async function answerTo(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, answer } = handle(request.method ?? "", request.url ?? "", await read(request));
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }

  function handle(method: string, path: string, body: StoredObject | undefined): { status: number; answer: unknown } {
    state.requests.push(`${method} ${path}`);
    if (state.forbids) return failure(403, "forbidden");
    if (path === "/apis/" || path === "/apis")
      return {
        status: 200,
        answer: { kind: "APIGroupList", groups: [...state.groups].map((name) => ({ name, versions: [] })) },
      };
    const group = /^\/apis\/([^/]+)\//.exec(path)?.[1];
    if (group !== undefined && !state.groups.has(group)) return failure(404, `there is no group ${group}`);
    const stored = state.objects.get(path);
    const store = (at: string, object: StoredObject, status: number) => {
      version += 1;
      const answer = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
      state.objects.set(at, answer);
      return { status, answer };
    };
    if (method === "POST" && body) {
      const at = `${path}/${body.metadata.name}`;
      return state.objects.has(at) ? failure(409, "it exists") : store(at, body, 201);
    }
    if (stored === undefined) return failure(404, "not found");
    if (method === "GET") return { status: 200, answer: stored };
    if (method === "DELETE") {
      state.objects.delete(path);
      return { status: 200, answer: { kind: "Status", status: "Success" } };
    }
    if (method !== "PUT" || !body) return failure(405, `${method} is not served`);
    const isNewest = body.metadata.resourceVersion === stored.metadata.resourceVersion;
    return isNewest ? store(path, body, 200) : failure(409, "the object has been modified");
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: "test", server: `http://127.0.0.1:${port}`, skipTLSVerify: true }],
    users: [{ name: "test" }],
    contexts: [{ name: "test", cluster: "test", user: "test" }],
    currentContext: "test",
  });
  return Object.assign(state, {
    config,
    close() {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

function failure(code: number, message: string): { status: number; answer: unknown } {
  return { status: code, answer: { kind: "Status", status: "Failure", code, message } };
}

async function read(request: IncomingMessage): Promise<StoredObject | undefined> {
  const text = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString();
  return text === "" ? undefined : (JSON.parse(text) as StoredObject);
}
