// Whether a quoted word can follow a piece of shell script. Within quotes, comments and here-documents the quotes of a value
// would be ordinary characters, and the value itself could become a command.

/** Says in which bad place the end of `script` is, such as "within quotes"; undefined where a word may stand. */
export function findBadPlace(script: string): string | undefined {
  // What is open, innermost last. `$(` begins unquoted text anew, also within double quotes.
  const open: ('"' | "(")[] = [];
  let pendingHereDocuments: HereDocument[] = [];
  let at = 0;
  while (at < script.length) {
    const character = script[at] as string;
    const rest = script.slice(at, at + 3);
    const quoted = open.at(-1) === '"';
    if (character === "\\") {
      if (at + 1 === script.length) return "behind a backslash";
      at += 2;
    } else if (quoted && character === '"') {
      open.pop();
      at += 1;
    } else if (rest.startsWith("$(")) {
      open.push("(");
      at += 2;
    } else if (character === "`") {
      // What is within backquotes is read twice by the shell, once to undo backslashes.
      const end = closingBackquote(script, at + 1);
      if (end === -1) return "within backquotes";
      at = end + 1;
    } else if (quoted) {
      at += 1;
    } else if (character === "'") {
      const end = script.indexOf("'", at + 1);
      if (end === -1) return "within quotes";
      at = end + 1;
    } else if (character === '"' || character === "(") {
      open.push(character);
      at += 1;
    } else if (character === ")") {
      if (open.at(-1) === "(") open.pop();
      at += 1;
    } else if (character === "#" && isWordStart(script, at)) {
      const end = script.indexOf("\n", at);
      if (end === -1) return "in a comment";
      at = end;
    } else if (rest === "<<<") {
      at += 3;
    } else if (rest.startsWith("<<")) {
      const document = readHereDocumentWord(script, at + 2);
      if (document) pendingHereDocuments.push(document);
      at = document?.end ?? at + 2;
    } else if (character === "\n" && pendingHereDocuments.length > 0) {
      at += 1;
      for (const document of pendingHereDocuments) {
        const end = skipHereDocument(script, at, document);
        if (end === undefined) return "in a here-document";
        at = end;
      }
      pendingHereDocuments = [];
    } else {
      at += 1;
    }
  }
  return open.at(-1) === '"' ? "within quotes" : undefined;
}

interface HereDocument {
  readonly word: string;
  readonly stripsTabs: boolean;
  /** The index behind the word. */
  readonly end: number;
}

function closingBackquote(script: string, from: number): number {
  for (let at = from; at < script.length; at++) {
    if (script[at] === "\\") at++;
    else if (script[at] === "`") return at;
  }
  return -1;
}

function isWordStart(script: string, at: number): boolean {
  return at === 0 || /[\s;&|()]/.test(script[at - 1] as string);
}

function readHereDocumentWord(script: string, from: number): HereDocument | undefined {
  const match = /^(-?)[ \t]*((?:'[^'\n]*'|"[^"\n]*"|\\.|[^\s;&|()<>'"\\])+)/.exec(script.slice(from));
  if (!match) return undefined;
  const [whole, dash, word] = match as unknown as [string, string, string];
  // `1<<2` in arithmetic looks the same; a number is no sensible delimiter.
  if (/^\d+$/.test(word)) return undefined;
  return { word: word.replace(/['"\\]/g, ""), stripsTabs: dash === "-", end: from + whole.length };
}

/** The index behind the line that ends the document; undefined when there is none yet. */
function skipHereDocument(script: string, from: number, document: HereDocument): number | undefined {
  let at = from;
  while (at < script.length) {
    const lineEnd = script.indexOf("\n", at);
    if (lineEnd === -1) return undefined;
    const line = script.slice(at, lineEnd);
    if ((document.stripsTabs ? line.replace(/^\t+/, "") : line) === document.word) return lineEnd + 1;
    at = lineEnd + 1;
  }
  return undefined;
}
