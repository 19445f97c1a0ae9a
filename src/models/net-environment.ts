import { readFileSync } from 'node:fs';

const HUGE_PAGE_SIZE = '/sys/kernel/mm/transparent_hugepage/hpage_pmd_size';
/** Larger ones, as kernels with pages of 16 kB or more have, would lie mostly empty. */
const MAX_HUGE_PAGE_BYTES = 2 * 1024 ** 2;

/**
 * Environment of a process that runs nets, for the allocator of glibc. Pixels and tensors live
 * outside the JavaScript heap: few arenas keep memory from lying idle that nobody uses, and huge
 * pages spare the processor looking up where weights lie (docs/devices.md). The kernel decides
 * whether it has any to give.
 */
export function netEnvironment(
  inherited: NodeJS.ProcessEnv = process.env,
  hugePageBytes: number = readHugePageBytes(),
): NodeJS.ProcessEnv {
  const arenas = { ...inherited, MALLOC_ARENA_MAX: '2' };
  if (!(hugePageBytes <= MAX_HUGE_PAGE_BYTES)) return arenas;
  const tunables = [inherited.GLIBC_TUNABLES, 'glibc.malloc.hugetlb=1'].filter(Boolean).join(':');
  return { ...arenas, GLIBC_TUNABLES: tunables };
}

/** NaN where the kernel has no huge pages. */
function readHugePageBytes(): number {
  try {
    return Number.parseInt(readFileSync(HUGE_PAGE_SIZE, 'utf8'), 10);
  } catch {
    return Number.NaN;
  }
}
