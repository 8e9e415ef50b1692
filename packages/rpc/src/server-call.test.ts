// What the server makes of requests that our own client would never send.
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectTcp } from "node:net";
import { fromProblem, Problem } from "@danube/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRecordingLogger, startTestServer, type TestServer, testToken } from "./testing/test-service.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly text: string;
}

let server: TestServer;
let session: ClientHttp2Session;
let handled = 0;
const { logger, records } = createRecordingLogger();

beforeEach(async () => {
  handled = 0;
  records.length = 0;
  server = await startTestServer(
    {
      echo: async ({ value }) => {
        handled += 1;
        return { value };
      },
    },
    { maxRequestBytes: 1_000, logger },
  );
  session = connect(server.url);
});
afterEach(async () => {
  session.destroy();
  await server.close();
});

function ask(headers: OutgoingHttpHeaders, body: string | Buffer = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const size = Buffer.byteLength(body);
    const stream = session.request({
      ":method": "POST",
      ":path": "/test/echo",
      authorization: `Bearer ${testToken}`,
      "content-type": "application/json",
      ...(headers[":method"] === "GET" ? {} : { "content-length": size }),
      ...headers,
    });
    let answered: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => {
      answered = received;
    });
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () =>
      resolve({
        status: Number(answered[":status"]),
        headers: answered,
        trailers,
        text: Buffer.concat(chunks).toString(),
      }),
    );
    // For GET, Node has ended the request already.
    if (!stream.writableEnded) stream.end(body);
  });
}

function codeOf(answer: Answer): string {
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  const problem = Problem.parse(JSON.parse(answer.text));
  expect(problem.status).toBe(answer.status);
  return fromProblem(problem).code;
}

describe("the server", () => {
  it("answers a good request", async () => {
    const answer = await ask({}, '{"value":"ä"}');
    expect(answer).toMatchObject({ status: 200, text: '{"value":"ä"}' });
    expect(answer.headers).toMatchObject({ "content-type": "application/json", "content-length": "14" });
  });

  it.each([
    ["an unknown path", { ":path": "/test/nothing" }, "{}", 404, "not_found"],
    ["a path with a query", { ":path": "/test/echo?x" }, "{}", 404, "not_found"],
    ["a name of Object.prototype as path", { ":path": "/constructor" }, "{}", 404, "not_found"],
    ["another method", { ":method": "PUT" }, "{}", 405, "method_not_allowed"],
    ["no token", { authorization: undefined }, '{"value":"x"}', 401, "unauthenticated"],
    ["a wrong token", { authorization: "Bearer other" }, '{"value":"x"}', 401, "unauthenticated"],
    ["a token of another scheme", { authorization: `Basic ${testToken}` }, '{"value":"x"}', 401, "unauthenticated"],
    ["another content type", { "content-type": "text/plain" }, '{"value":"x"}', 415, "unsupported_media_type"],
    ["no content type", { "content-type": undefined }, '{"value":"x"}', 415, "unsupported_media_type"],
    ["no content length", { "content-length": undefined }, '{"value":"x"}', 400, "invalid_request"],
    ["a body that is not JSON", {}, '{"value":', 400, "invalid_request"],
    ["an empty body", {}, "", 400, "invalid_request"],
    ["a body that is not UTF-8", {}, Buffer.from([0x22, 0xff, 0x22]), 400, "invalid_request"],
    ["a byte order mark", {}, '\ufeff{"value":"x"}', 400, "invalid_request"],
    ["a value of the wrong type", {}, '{"value":1}', 400, "invalid_request"],
    ["a body beyond the limit", {}, `{"value":"${"x".repeat(1_000)}"}`, 413, "payload_too_large"],
    ["a deadline that is no number", { "danube-deadline-ms": "soon" }, '{"value":"x"}', 400, "invalid_request"],
  ])("refuses %s", async (_what, headers, body, status, code) => {
    const answer = await ask(headers, body);
    expect(answer.status).toBe(status);
    expect(codeOf(answer)).toBe(code);
    expect(handled).toBe(0);
    expect(records).toEqual([]);
  });

  it("says which method is allowed and which credentials are wanted", async () => {
    expect((await ask({ ":method": "GET" })).headers).toMatchObject({ allow: "POST" });
    expect((await ask({ authorization: undefined }, "{}")).headers).toMatchObject({ "www-authenticate": "Bearer" });
  });

  it("refuses an unknown caller before the body has arrived, and goes on with others", async () => {
    const stream = session.request({ ":method": "POST", ":path": "/test/echo", "content-type": "application/json" });
    stream.on("error", () => undefined);
    const headers = await new Promise<IncomingHttpHeaders>((resolve) => {
      stream.once("response", resolve);
    });
    expect(headers[":status"]).toBe(401);
    stream.close(constants.NGHTTP2_CANCEL);
    expect((await ask({}, '{"value":"x"}')).status).toBe(200);
  });

  it("does not call the handler when the request is reset before it is complete", async () => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/test/echo",
      authorization: `Bearer ${testToken}`,
      "content-type": "application/json",
      "content-length": 13,
    });
    stream.on("error", () => undefined);
    stream.write('{"value":"x"');
    await new Promise((resolve) => {
      session.ping(resolve);
    });
    stream.close(constants.NGHTTP2_CANCEL);
    expect((await ask({}, '{"value":"x"}')).status).toBe(200);
    expect(handled).toBe(1);
    expect(records).toEqual([]);
  });

  it("ends a stream with a trailer that says it is whole", async () => {
    const answer = await ask({ ":path": "/test/count" }, '{"from":0,"to":2}');
    expect(answer).toMatchObject({ status: 200, text: '{"n":0}\n{"n":1}\n' });
    expect(answer.headers["content-type"]).toBe("application/x-ndjson");
    expect(answer.trailers).toMatchObject({ "danube-end": "1" });
  });

  it("refuses frames that lie about their payload", async () => {
    const headers = {
      ":path": "/test/pipe",
      "content-type": "application/vnd.danube.frames",
      "content-length": undefined,
    };
    for (const length of ["-1", "1.5", '"7"', "1048577"]) {
      const answer = await ask(headers, `{"greeting":"x"}\n{"sequence":0,"length":${length}}\n`);
      expect(codeOf(answer)).toBe(length === "1048577" ? "payload_too_large" : "invalid_request");
    }
    // Too few bytes, or no trailer: the caller was cut off.
    expect(codeOf(await ask(headers, '{"greeting":"x"}\n{"sequence":0,"length":5}\nabc'))).toBe("connection_lost");
    expect(codeOf(await ask(headers, '{"greeting":"x"}\n'))).toBe("connection_lost");
  });

  it("refuses an endless line", async () => {
    const headers = {
      ":path": "/test/pipe",
      "content-type": "application/vnd.danube.frames",
      "content-length": undefined,
    };
    expect(codeOf(await ask(headers, "x".repeat(2_000)))).toBe("payload_too_large");
  });

  it("never takes an upload without its trailer for a whole one", async () => {
    const request = Buffer.from('{"name":"x"}').toString("base64url");
    const headers = { ":path": "/test/store", "content-type": "application/octet-stream", "danube-request": request };
    expect(codeOf(await ask(headers, "some bytes"))).toBe("connection_lost");
    expect(codeOf(await ask({ ...headers, "danube-request": "!" }, "x"))).toBe("invalid_request");
    expect(codeOf(await ask({ ...headers, "danube-request": undefined }, "x"))).toBe("invalid_request");
  });

  it("survives peers that do not speak HTTP/2", async () => {
    const socket = connectTcp(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    socket.resume();
    await new Promise((resolve) => {
      socket.once("close", resolve);
    });
    expect((await ask({}, '{"value":"x"}')).status).toBe(200);
  });
});
