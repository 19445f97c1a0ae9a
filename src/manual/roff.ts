/**
 * Writes man(7) source. Everything but the macros' names goes through {@link escapeText}, so that
 * any text of a command or of the configuration can be given.
 */

/** Characters that groff, mandoc and old terminals understand without an encoding being named. */
export function escapeText(text: string): string {
  return [...text.replaceAll('\\', '\\e')]
    .map((character) => {
      const code = character.codePointAt(0) ?? 0;
      return code < 128 ? character : `\\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`;
    })
    .join('')
    .replace(/^(['.])/, '\\&$1');
}

/** Text that a reader may type: its hyphens stay hyphens when they are copied. */
export function escapeLiteral(text: string): string {
  return escapeText(text).replaceAll('-', '\\-').replaceAll('~', '\\(ti').replaceAll('^', '\\(ha');
}

/** A literal in bold, for use inside a line that is escaped already. */
export function bold(text: string): string {
  return `\\fB${escapeLiteral(text)}\\fR`;
}

/** A placeholder that the reader replaces. */
export function italic(text: string): string {
  return `\\fI${escapeLiteral(text)}\\fR`;
}

/**
 * Escapes a sentence in which `backquotes` mark what is typed, as in the Markdown documents.
 */
export function sentence(text: string): string {
  const parts = text.split('`');
  const line = parts
    .map((part, index) => (index % 2 === 1 ? bold(part) : escapeText(part)))
    .join('');
  // A line that begins with a control character would be taken for a request.
  return /^['.]/.test(line) ? `\\&${line}` : line;
}

/** Head of a page. */
export function title(
  name: string,
  section: number,
  { date, program }: { readonly date: string; readonly program: string },
): string {
  return `.TH ${quoted(name.toUpperCase())} ${section} "${date}" ${quoted(program)}`;
}

export const heading = (text: string): string => `.SH ${quoted(text)}`;
export const subheading = (text: string): string => `.SS ${quoted(text)}`;
export const paragraph = (text: string): string => `.PP\n${sentence(text)}`;

/** A term and what it means. Both are escaped already. */
export function tagged(term: string, meaning: readonly string[]): string {
  return ['.TP', term, ...meaning].join('\n');
}

/** Lines as they are, indented. */
export function example(lines: readonly string[]): string {
  return ['.PP', '.RS 4', '.nf', ...lines.map(escapeLiteral), '.fi', '.RE'].join('\n');
}

function quoted(text: string): string {
  return `"${escapeText(text).replaceAll('"', '\\(dq')}"`;
}
