// The forms in which a secret's value shows up in output: as it is, and in the encodings that tools and shells give it.

/** Values shorter than this are not masked: a secret "on" or "42" would turn every log into holes. */
export const minimumSecretLength = 4;
const minimumLineLength = 6;
/** `base64` wraps at 76 columns, `openssl base64` and PEM at 64. */
const base64LineLengths = [76, 64];

/**
 * Every form of `value` to search for, as distinct byte strings of at least `minimumSecretLength` bytes; none for a value that
 * is too short. White space around the value is not part of it. Not covered: encodings of encodings (but JSON in JSON),
 * compression, encryption, and the one or two characters at the edges of a base64 text that the neighbours change too.
 */
export function secretVariants(value: string): Buffer[] {
  const wellFormed = value.toWellFormed();
  const trimmed = wellFormed.trim();
  if (trimmed.length < minimumSecretLength) return [];
  const texts = new Set<string>();
  for (const text of lineEndings(trimmed)) {
    for (const form of [text, ...shellForms(text), ...jsonForms(text), ...percentForms(text), htmlForm(text)]) {
      texts.add(form);
    }
  }
  for (const line of trimmed.split(/\r\n|\r|\n/)) {
    const text = line.trim();
    if (text.length >= minimumLineLength) texts.add(text);
  }
  const variants = new Map<string, Buffer>();
  const add = (bytes: Buffer): void => {
    if (bytes.length >= minimumSecretLength) variants.set(bytes.toString("latin1"), bytes);
  };
  for (const text of texts) add(Buffer.from(text));
  for (const text of new Set([...lineEndings(trimmed), wellFormed])) {
    const bytes = Buffer.from(text);
    for (const form of [...base64Forms(bytes), bytes.toString("hex"), bytes.toString("hex").toUpperCase()]) {
      add(Buffer.from(form, "latin1"));
    }
  }
  return [...variants.values()];
}

function lineEndings(text: string): Set<string> {
  const unix = text.replaceAll("\r\n", "\n");
  return new Set([text, unix, unix.replaceAll("\n", "\r\n")]);
}

function shellForms(text: string): string[] {
  return [
    text.replaceAll("'", "'\\''"),
    text.replaceAll("'", "'\"'\"'"),
    // What `printf %q` and `set -x` make of it.
    text.replace(/[^\w@%+=:,./\n-]/gu, "\\$&"),
    text.replace(/["$`\\]/g, "\\$&"),
    text.replace(/[\\']/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t"),
  ];
}

function jsonForms(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const forms = [plain, JSON.stringify(plain).slice(1, -1)];
  // Go, PHP and Rails escape some ASCII characters, Python everything beyond ASCII, .NET both, in either case of digits.
  for (const unsafe of [/[<>&]/g, /[<>&']/g, /[\u0080-\uffff]/g, /[<>&\u0080-\uffff]/g, /[<>&'+`\u007f-\uffff]/g]) {
    forms.push(plain.replace(unsafe, unicodeEscape), plain.replace(unsafe, upperUnicodeEscape));
  }
  forms.push(plain.replaceAll('\\"', "\\u0022").replace(/[<>&'+`\u007f-\uffff]/g, upperUnicodeEscape));
  return forms.flatMap((form) => [form, form.replaceAll("/", "\\/")]);
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function upperUnicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function percentForms(text: string): string[] {
  const component = encodeURIComponent(text);
  const strict = component.replace(/[!'()*]/g, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`);
  const field = new URLSearchParams([["", text]]).toString().slice(1);
  const forms = [component, strict, encodeURI(text), field, field.replaceAll("+", "%20")];
  return forms
    .flatMap((form) => [form, form.replaceAll("%20", "+"), form.replaceAll("%2F", "/")])
    .flatMap((form) => [form, form.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())]);
}

function htmlForm(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/**
 * The base64 characters that `bytes` alone decide, for each of the three places where they can begin within a group of three,
 * and the end of the text if nothing follows them.
 */
function base64Forms(bytes: Buffer): string[] {
  const forms = new Set<string>();
  for (const before of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const first = Math.ceil((before * 8) / 6);
    const decided = Math.floor(((before + bytes.length) * 8) / 6);
    forms.add(text.slice(first, decided));
    forms.add(text.slice(first).replace(/=+$/, ""));
    forms.add(text.slice(first));
    if (before > 0) continue;
    for (const length of base64LineLengths) {
      for (let at = 0; text.length > length && at < text.length; at += length) {
        const line = text.slice(at, at + length).replace(/=+$/, "");
        if (line.length >= minimumLineLength) forms.add(line);
      }
    }
  }
  return [...forms].flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}
