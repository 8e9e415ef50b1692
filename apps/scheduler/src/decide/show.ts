/** Other people's words (a branch, a URL) in a sentence: JSON on one line, cut short, so that nothing in them acts. */
export function show(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
