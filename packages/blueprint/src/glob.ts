// Globs over branch names, tag names and paths.
//
//   *        any characters but "/"            ?       one character but "/"
//   **       any characters, "/" too           {a,b}   either of them
//   **/      any number of whole directories   [a-z]   one of them, [!a-z] none of them
//   \        takes the next character as it is
//   !glob    excludes what the glob matches (only at the beginning)
//
// Names come from strangers, so matching takes time proportional to glob × name at worst, which regular expressions with
// several stars do not promise. Upper and lower case differ, and a leading dot is like any other character.

/** Whether a name passes. */
export type GlobFilter = (name: string) => boolean;

const mostAlternatives = 100;

/**
 * The filter for a list of globs: a name passes if one of them matches it, or if all of them exclude, and none excludes it.
 * Their order means nothing. Throws a RangeError that names the glob and what is wrong with it.
 */
export function createGlobFilter(globs: readonly string[]): GlobFilter {
  const included: GlobFilter[] = [];
  const excluded: GlobFilter[] = [];
  for (const glob of globs)
    if (glob.startsWith("!")) excluded.push(compile(glob.slice(1)));
    else included.push(compile(glob));
  return (name) =>
    (included.length === 0 || included.some((matches) => matches(name))) && !excluded.some((matches) => matches(name));
}

/** What is wrong with a glob, in a sentence, or undefined. */
export function findGlobMistake(glob: string): string | undefined {
  try {
    createGlobFilter([glob]);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/**
 * One step through a name. `jump` and `directories` together are a leading or inner `**` with its slash: jump over it, or
 * read on until after a slash.
 */
type Token =
  | { readonly kind: "character"; readonly character: string }
  | { readonly kind: "set"; readonly ranges: readonly (readonly [number, number])[]; readonly negated: boolean }
  | { readonly kind: "one" }
  | { readonly kind: "star" }
  | { readonly kind: "everything" }
  | { readonly kind: "jump" }
  | { readonly kind: "directories" };

function compile(glob: string): GlobFilter {
  if (glob === "") throw new RangeError(`the glob ${JSON.stringify(glob)} is empty`);
  const alternatives = expandBraces(Array.from(glob), glob).map((characters) => tokenize(characters, glob));
  return (name) => {
    const characters = Array.from(name);
    return alternatives.some((tokens) => isMatch(tokens, characters));
  };
}

/** Reads the name once, keeping the set of places in the glob where the match may be. */
function isMatch(tokens: readonly Token[], name: readonly string[]): boolean {
  let places = new Set<number>();
  enter(tokens, 0, places);
  for (const character of name) {
    const next = new Set<number>();
    for (const place of places) {
      const token = tokens[place];
      if (!token) continue;
      switch (token.kind) {
        case "character":
          if (token.character === character) enter(tokens, place + 1, next);
          break;
        case "set":
          if (character !== "/" && isInSet(token, character)) enter(tokens, place + 1, next);
          break;
        case "one":
          if (character !== "/") enter(tokens, place + 1, next);
          break;
        case "star":
          if (character !== "/") enter(tokens, place, next);
          break;
        case "everything":
          enter(tokens, place, next);
          break;
        case "directories":
          next.add(place);
          if (character === "/") enter(tokens, place + 1, next);
          break;
        case "jump":
          break;
      }
    }
    if (next.size === 0) return false;
    places = next;
  }
  return places.has(tokens.length);
}

/** Adds `place`, and every place that can be reached from it without reading anything. */
function enter(tokens: readonly Token[], place: number, places: Set<number>): void {
  if (places.has(place)) return;
  places.add(place);
  const kind = tokens[place]?.kind;
  if (kind === "star" || kind === "everything" || kind === "jump") enter(tokens, place + 1, places);
  if (kind === "jump") enter(tokens, place + 2, places);
}

function isInSet(token: Token & { kind: "set" }, character: string): boolean {
  const code = character.codePointAt(0) as number;
  return token.ranges.some(([first, last]) => code >= first && code <= last) !== token.negated;
}

/** Every way to choose among the alternatives in braces; what is escaped or in brackets stays untouched. */
function expandBraces(characters: readonly string[], glob: string): string[][] {
  let results: string[][] = [[]];
  const append = (choices: readonly (readonly string[])[]): void => {
    results = results.flatMap((result) => choices.map((choice) => [...result, ...choice]));
    if (results.length > mostAlternatives)
      throw new RangeError(`the glob ${JSON.stringify(glob)} has more than ${mostAlternatives} alternatives in braces`);
  };
  for (let at = 0; at < characters.length; at++) {
    const end = endOfLiteral(characters, at);
    if (end > at) {
      append([characters.slice(at, end + 1)]);
      at = end;
    } else if (characters[at] === "}") {
      throw new RangeError(`the glob ${JSON.stringify(glob)} has a "}" without a "{" before it`);
    } else if (characters[at] === "{") {
      const parts: string[][] = [[]];
      let depth = 1;
      for (at++; at < characters.length; at++) {
        const character = characters[at] as string;
        const end = endOfLiteral(characters, at);
        if (character === "{") depth++;
        if (character === "}" && --depth === 0) break;
        if (character === "," && depth === 1) parts.push([]);
        else parts.at(-1)?.push(...characters.slice(at, end + 1));
        at = end;
      }
      if (depth > 0) throw new RangeError(`the glob ${JSON.stringify(glob)} has a "{" that is never closed with "}"`);
      append(parts.flatMap((part) => expandBraces(part, glob)));
    } else append([[characters[at] as string]]);
  }
  return results;
}

/** The last place of what begins at `at` and must not be looked into: an escaped character or a set. */
function endOfLiteral(characters: readonly string[], at: number): number {
  if (characters[at] === "\\") return Math.min(at + 1, characters.length - 1);
  if (characters[at] !== "[") return at;
  const end = characters.indexOf("]", at + (characters[at + 1] === "!" ? 3 : 2));
  return end === -1 ? at : end;
}

function tokenize(characters: readonly string[], glob: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    if (character === "\\") {
      at++;
      if (at >= characters.length) throw new RangeError(`the glob ${JSON.stringify(glob)} ends in a single "\\"`);
      tokens.push({ kind: "character", character: characters[at] as string });
    } else if (character === "?") tokens.push({ kind: "one" });
    else if (character === "[") {
      const end = endOfLiteral(characters, at);
      if (end === at) throw new RangeError(`the glob ${JSON.stringify(glob)} has a "[" that is never closed with "]"`);
      tokens.push(readSet(characters.slice(at + 1, end), glob));
      at = end;
    } else if (character === "*" && characters[at + 1] === "*") {
      const isWholeSegment = (at === 0 || characters[at - 1] === "/") && characters[at + 2] === "/";
      if (isWholeSegment) tokens.push({ kind: "jump" }, { kind: "directories" });
      else tokens.push({ kind: "everything" });
      at += isWholeSegment ? 2 : 1;
    } else if (character === "*") tokens.push({ kind: "star" });
    else tokens.push({ kind: "character", character });
  }
  return tokens;
}

function readSet(inside: readonly string[], glob: string): Token {
  const negated = inside[0] === "!";
  const members = negated ? inside.slice(1) : inside;
  const ranges: [number, number][] = [];
  for (let at = 0; at < members.length; at++) {
    const first = members[at]?.codePointAt(0) as number;
    const isRange = members[at + 1] === "-" && at + 2 < members.length;
    const last = isRange ? (members[at + 2]?.codePointAt(0) as number) : first;
    if (last < first)
      throw new RangeError(
        `the glob ${JSON.stringify(glob)} has a range that goes backwards: ${members.slice(at, at + 3).join("")}`,
      );
    ranges.push([first, last]);
    if (isRange) at += 2;
  }
  return { kind: "set", ranges, negated };
}
