/**
 * CS.cfg as Dogtag writes it: one `key=value` to a line, nothing quoted, nothing continued. The text is handled as Latin-1, one
 * character to a byte, so what is not looked at stays byte for byte.
 */

/** The value of a directive; of one that is there twice the last, which is the one Dogtag takes. Undefined where there is none. */
export function directiveOf(content: string, name: string): string | undefined {
  return linesOf(content).findLast((line) => line.name === name)?.value;
}

/** The content with the directive's value replaced everywhere it stands; nothing is added where it does not. A value is one line. */
export function withDirective(content: string, name: string, value: string): string {
  return linesOf(content)
    .map((line) => (line.name === name ? `${line.before}${value}${line.after}` : line.text))
    .join('');
}

interface Line {
  /** With its end. */
  readonly text: string;
  /** Of a directive. */
  readonly name?: string;
  readonly value?: string;
  /** What stands before and after the value. */
  readonly before: string;
  readonly after: string;
}

function linesOf(content: string): Line[] {
  return (content.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/gu) ?? []).map((text) => {
    const parts = /^(?<before>[ \t]*(?<name>[^#!=\s][^=\r\n]*?)[ \t]*=[ \t]*)(?<value>[^\r\n]*?)(?<after>[ \t]*(?:\r\n|\r|\n)?)$/u.exec(
      text,
    )?.groups;
    if (parts === undefined) return { text, before: text, after: '' };
    const { before = '', name = '', value = '', after = '' } = parts;
    return { text, name, value, before, after };
  });
}
