import { open } from 'node:fs/promises';
import { messageOf } from '../domain/errors.js';
import type { FileSearch, FileSearchAnswer, SearchedFile } from './file-search.js';

const CHUNK_BYTES = 1 << 20;

/** The process that searches files. Started by `searchFiles` only. */
async function search({ paths, traces }: FileSearch): Promise<SearchedFile[]> {
  const searched: SearchedFile[] = [];
  for (const path of paths) {
    try {
      searched.push(await searchFile(path, traces));
    } catch (error) {
      // A daemon beside us may have finished with a temporary file meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return searched;
}

async function searchFile(path: string, traces: readonly Buffer[]): Promise<SearchedFile> {
  const longest = Math.max(...traces.map(({ byteLength }) => byteLength));
  const buffer = Buffer.alloc(CHUNK_BYTES + longest);
  const found = new Set<Buffer>();
  const file = await open(path, 'r');
  try {
    let sizeBytes = 0;
    // The end of each chunk is kept before the next one: a trace may lie across the border.
    let kept = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, kept, CHUNK_BYTES);
      if (bytesRead === 0) break;
      sizeBytes += bytesRead;
      const chunk = buffer.subarray(0, kept + bytesRead);
      for (const trace of traces) if (chunk.includes(trace)) found.add(trace);
      kept = Math.min(longest, chunk.byteLength);
      chunk.copy(buffer, 0, chunk.byteLength - kept);
    }
    return { path, sizeBytes, traces: found.size };
  } finally {
    await file.close();
  }
}

const answer = (message: FileSearchAnswer) => {
  process.send?.(message, () => process.exit(0));
};

process.once('message', (wanted) => {
  search(wanted as FileSearch).then(
    (searched) => answer({ searched }),
    (error) => answer({ failure: messageOf(error) }),
  );
});
process.once('disconnect', () => process.exit(1));
