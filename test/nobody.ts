const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** True where root cannot act as somebody else: Node of Debian 13 forbids it. */
export const staysRoot: boolean = isRoot && !mayChange();

/** Works without root's rights; as an ordinary user, with one's own. */
export function asNobody(work: () => void): void {
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

function mayChange(): boolean {
  try {
    process.seteuid?.(NOBODY);
    process.seteuid?.(0);
    return true;
  } catch {
    return false;
  }
}
