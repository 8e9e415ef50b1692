import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedactor, type RedactionState, type Redactor, type Secret } from "./redactor.ts";
import { secretVariants } from "./secret-variants.ts";
import { naiveRedaction } from "./testing/naive-redaction.ts";

const named = (values: readonly string[]): Secret[] => values.map((value, index) => ({ name: `S${index}`, value }));

function redactInChunks(redactor: Redactor, text: Buffer, cuts: readonly number[]): string {
  const stream = redactor.openStream();
  const given: Buffer[] = [];
  const edges = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort((a, b) => a - b);
  for (let index = 1; index < edges.length; index++) {
    for (const piece of stream.push(text.subarray(edges[index - 1], edges[index])))
      given.push(Buffer.from(piece.bytes));
  }
  for (const piece of stream.flush()) given.push(piece.bytes);
  return Buffer.concat(given).toString("latin1");
}

const awkwardValues = [
  "aaaa",
  "aaaaaa",
  "abab",
  "ababab",
  "hunter2!",
  "hunter2!extended",
  "2!extended",
  "first line\nsecond line\n-- third",
  "crlf one\r\ncrlf two",
  "p@ss/w:rd?#[]&=+ %",
  'it\'s "quoted" \\ $HOME `x`',
  "<b>&amp;'\u00e9\u20ac\ud83d\ude00",
  "a.*+?^${}()|[]\\",
  "  padded value \n",
  "x".repeat(300),
  "-----BEGIN ",
  "eyJh",
  "ghp_",
  `ghp_${"aB3".repeat(12)}`,
];
const fragmentsOfTokens = [
  "eyJhbGciOiJIUzI1NiJ9",
  "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
  ".",
  "SflKxwRJSMeKKF2QT4",
  "ghp_",
  "aB3".repeat(12),
  "github_pat_11ABCDEFG0abcdefghijkl",
  "glpat-abcdefghij0123456789",
  "xoxb-123456789012-abc",
  "AKIA",
  "IOSFODNN7EXAMPLE",
  "npm_",
  "-----BEGIN ",
  "-----BEGIN RSA PRIVATE KEY-----",
  "\nMIIEpAIBAAKCAQEA\n",
  "-----END RSA PRIVATE KEY-----",
  "-----END ",
  "(",
];

const secretLists = fc.array(
  fc.oneof(
    fc.constantFrom(...awkwardValues),
    fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom("a", "b", "\n", "/") }),
    fc.string({ minLength: 4, maxLength: 24, unit: "binary" }),
  ),
  { maxLength: 5 },
);

/** Texts of parts of these secrets' variants, parts of tokens, and noise. */
const cases = secretLists.chain((values) => {
  const parts = values.flatMap((value) => secretVariants(value)).map((variant) => variant.toString("latin1"));
  const whole = fc.constantFrom("", ...parts);
  const cut = fc.tuple(whole, fc.nat(40), fc.nat(40)).map(([part, from, to]) => part.slice(from, part.length - to));
  const noise = fc.string({
    maxLength: 6,
    unit: fc.constantFrom("a", "b", "\n", "\r", "\0", "\xff", "\xc3", "A", "/", " "),
  });
  const fragment = fc.oneof(whole, cut, noise, fc.constantFrom(...fragmentsOfTokens));
  return fc.record({
    secrets: fc.constant(named(values)),
    text: fc.array(fragment, { maxLength: 14 }).map((fragments) => Buffer.from(fragments.join(""), "latin1")),
    cuts: fc.array(fc.nat(600), { maxLength: 12 }),
  });
});

describe("createRedactor", () => {
  it("masks what a naive search masks, however the text is cut into chunks", () => {
    fc.assert(
      fc.property(cases, ({ secrets, text, cuts }) => {
        const expected = naiveRedaction(secrets, text.toString("latin1"));
        expect(redactInChunks(createRedactor(secrets), text, cuts)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives out the same after n bytes whatever the chunks were, byte by byte too", () => {
    fc.assert(
      fc.property(cases, ({ secrets, text, cuts }) => {
        const redactor = createRedactor(secrets);
        const byBytes = redactor.openStream();
        let given = "";
        for (let size = 0; size < Math.min(text.length, 300); size++) {
          given += byBytes
            .push(text.subarray(size, size + 1))
            .map((piece) => piece.bytes.toString("latin1"))
            .join("");
          if (!cuts.includes(size)) continue;
          const atOnce = redactor.openStream();
          const pieces = atOnce.push(text.subarray(0, size + 1));
          expect(given).toBe(pieces.map((piece) => piece.bytes.toString("latin1")).join(""));
          expect(byBytes.state).toEqual(atOnce.state);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("can be taken up again from its state by a fresh stream", () => {
    fc.assert(
      fc.property(cases, ({ secrets, text, cuts }) => {
        const redactor = createRedactor(secrets);
        let state: RedactionState = { offset: 0, carry: -1 };
        let given = "";
        for (const cut of cuts.filter((cut) => cut <= text.length).sort((a, b) => a - b)) {
          if (cut < state.offset) continue;
          const stream = redactor.openStream(state);
          const pieces = stream.push(text.subarray(state.offset, cut));
          given += pieces.map((piece) => piece.bytes.toString("latin1")).join("");
          state = stream.state;
        }
        const last = redactor.openStream(state);
        const pieces = [...last.push(text.subarray(state.offset)), ...last.flush()];
        given += pieces.map((piece) => piece.bytes.toString("latin1")).join("");
        expect(given).toBe(naiveRedaction(secrets, text.toString("latin1")));
      }),
      { numRuns: 1_000 },
    );
  });

  it("says where unmasked pieces come from", () => {
    fc.assert(
      fc.property(cases, ({ secrets, text }) => {
        const stream = createRedactor(secrets).openStream();
        for (const { masked, bytes, sourceStart } of [...stream.push(text), ...stream.flush()]) {
          if (!masked) expect(bytes).toEqual(text.subarray(sourceStart, sourceStart + bytes.length));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("holds back a bounded number of bytes, of an endless run of secrets too", () => {
    const stream = createRedactor(named(["aaaa", "x".repeat(5_000)])).openStream();
    let given = "";
    for (let chunk = 0; chunk < 100; chunk++) {
      given += stream
        .push(Buffer.alloc(10_000, chunk % 2 === 0 ? "a" : "x"))
        .map((piece) => piece.bytes.toString())
        .join("");
      expect((chunk + 1) * 10_000 - stream.state.offset).toBeLessThanOrEqual(256);
    }
    expect(given).toBe("***");
  });

  it("holds back a bounded number of bytes of what looks like a token without an end", () => {
    const redactor = createRedactor([]);
    const longestHeld: [string, string, number][] = [
      ["npm_", "a", 259],
      ["glpat-", "b", 261],
      ["eyJhbGciOi", "c", 8_200],
      [`eyJhbGciOiJI.${"d".repeat(8_000)}.`, "e", 16_300],
      ["-----BEGIN ", "A", 70],
      ["-----BEGIN PRIVATE KEY-----", "MIIE", 16_430],
      ["-----BEGIN PRIVATE KEY-----MIIE-----END ", "Z", 110],
    ];
    for (const [beginning, unit, mostBytes] of longestHeld) {
      const stream = redactor.openStream();
      stream.push(Buffer.from(beginning));
      for (let pushed = 0; pushed < 40_000; pushed += 500) {
        stream.push(Buffer.alloc(500, unit));
        const held = beginning.length + pushed + 500 - stream.state.offset;
        expect(held, beginning.slice(0, 50)).toBeLessThanOrEqual(mostBytes);
      }
    }
  });

  it("decides tokens at their longest length", () => {
    const long = (prefix: string, unit: string, length: number): string => `${prefix}${unit.repeat(length)} end`;
    const texts = [
      long("npm_", "a", 400),
      `eyJhbGciOiJIUzI1NiJ9.${"b".repeat(8_192)}.${"c".repeat(9_000)} end`,
      `eyJhbGciOiJIUzI1NiJ9.${"b".repeat(8_193)}.${"c".repeat(20)} end`,
      `-----BEGIN PRIVATE KEY-----\n${"MIIE".repeat(5_000)}\n-----END PRIVATE KEY----- end`,
      `-----BEGIN OPENSSH PRIVATE KEY-----\n${"key | b3Blbn\n".repeat(900)}-----END OPENSSH PRIVATE KEY-----\nend`,
      `-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK----- end`,
      "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    ];
    const redactor = createRedactor([]);
    for (const text of texts) {
      const expected = naiveRedaction([], text);
      for (const chunk of [7, 1_000, 16_000, 100_000]) {
        const cuts = Array.from({ length: Math.ceil(text.length / chunk) }, (_, index) => index * chunk);
        expect(redactInChunks(redactor, Buffer.from(text), cuts) === expected, `${text.slice(0, 40)} by ${chunk}`).toBe(
          true,
        );
      }
    }
  });

  it("stays quick on output that is made to look like the beginnings of many tokens", () => {
    const redactor = createRedactor(named(["correct horse battery staple"]));
    for (const unit of [
      "eyJh",
      "ghp_",
      "-----BEGIN ",
      "-----BEGIN PRIVATE KEY-----",
      "eyJhbGciOi.eyJhbGciOi.",
      "glpat-",
    ]) {
      const text = Buffer.alloc(1_048_576, unit);
      const stream = redactor.openStream();
      for (let at = 0; at < text.length; at += 65_536) stream.push(text.subarray(at, at + 65_536));
      stream.flush();
      expect(stream.state.offset).toBe(text.length);
    }
  });

  it("does not mask values of fewer than four characters", () => {
    const redactor = createRedactor(named(["abc", "on", "", "  42 \n"]));
    expect(redactor.redactText("abc is on, 42")).toBe("abc is on, 42");
  });

  it("shows nothing of a long value", () => {
    const key = Array.from({ length: 60 }, (_, line) => `line ${line}: ${"Qx7/+".repeat(12)}`).join("\n");
    const redactor = createRedactor(named([key]));
    expect(redactor.redactText(`before ${key} after`)).toBe("before *** after");
    for (const variant of secretVariants(key)) {
      expect(redactor.redactText(`<${variant.toString("latin1")}>`)).toMatch(/^<\*\*\*>$/);
    }
  });
});
