import Table from 'cli-table3';

/** Lines without frames or colours: they can be read, cut and searched. */
const PLAIN = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
};

/** Style of a table with frames and without colours: it is often piped on. */
export const FRAMED = { head: [], border: [] };

export type Cell = string | number;

/** A table for people; numbers stand at the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const aligns = head.map((_, column) =>
    rows.length > 0 && rows.every((row) => typeof row[column] === 'number') ? 'right' : 'left',
  );
  const made = new Table({
    head: [...head],
    chars: PLAIN,
    colAligns: aligns,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  made.push(...rows.map((row) => [...row]));
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
