import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Span } from "./ansi-line.ts";
import type { LogDocument } from "./log-document.ts";

/** The height of a line, as in main.css. */
const lineHeight = 20;
/** Lines drawn above and below what is seen. */
const margin = 30;

export interface LogViewProps {
  readonly log: LogDocument;
  readonly version: number;
  /** A line to bring into view; a new object for each time. */
  readonly target: { readonly line: number } | undefined;
}

/**
 * The log, of which only the lines in view are in the page. It follows the end until the reader scrolls away from it. Every
 * byte of it becomes text: nothing in it can become markup.
 */
export function LogView({ log, version, target }: LogViewProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [follows, setFollows] = useState(true);
  const count = log.lineCount;

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    setHeight(element.clientHeight);
    if (follows) element.scrollTop = element.scrollHeight;
  }, [version, follows]);

  useEffect(() => {
    const element = box.current;
    if (element === null || target === undefined) return;
    setFollows(false);
    element.scrollTop = target.line * lineHeight;
  }, [target]);

  const onScroll = (): void => {
    const element = box.current;
    if (element === null) return;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < lineHeight;
    if (element.scrollTop < top && !atEnd) setFollows(false);
    else if (atEnd) setFollows(true);
    setTop(element.scrollTop);
    setHeight(element.clientHeight);
  };

  const first = Math.max(0, Math.floor(top / lineHeight) - margin);
  const last = Math.min(count, Math.ceil((top + height) / lineHeight) + margin);
  return (
    <section class="log" aria-label="Log">
      <div class="log-lines" ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-live="off">
        <div class="log-space" style={{ height: `${count * lineHeight}px` }}>
          <ol class="log-window" start={first + 1} style={{ top: `${first * lineHeight}px` }}>
            {log.lines(first, last).map(({ spans }, index) => (
              <li key={first + index} class="log-line" data-line={first + index + 1}>
                {spans.map(drawSpan)}
              </li>
            ))}
          </ol>
        </div>
      </div>
      {!follows && (
        <button type="button" class="follow" onClick={() => setFollows(true)}>
          ↓ Follow the end
        </button>
      )}
    </section>
  );
}

function drawSpan({ text, className, color, background }: Span, index: number) {
  if (className === undefined && color === undefined && background === undefined) return text;
  return (
    <span key={index} class={className} style={{ color, backgroundColor: background }}>
      {text}
    </span>
  );
}
