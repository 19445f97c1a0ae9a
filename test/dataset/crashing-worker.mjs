import { pathToFileURL } from 'node:url';

// A worker for the tests of the pool. Items: a number is doubled; 'crash' ends the process as a
// native fault does; 'throw' throws, 'full' throws what ends a pool. The setup says where the compiled
// modules are.
process.once('message', async ({ setup }) => {
  const { serveBatches } = await import(pathToFileURL(setup.module).href);
  const { FaceEvalError } = await import(pathToFileURL(setup.errors).href);
  serveBatches(async () => {
    if (setup.fail) throw new Error('the models are not there');
    if (setup.crashAtStart) process.kill(process.pid, 'SIGSEGV');
    return async (items) => {
      const results = [];
      for (const item of items) {
        if (item === 'crash') {
          process.stderr.write('something native broke\n');
          process.kill(process.pid, 'SIGSEGV');
          await new Promise(() => {});
        }
        if (item === 'throw') throw new RangeError('an odd picture');
        if (item === 'full') throw new FaceEvalError('STORE', 'the disk is full');
        if (setup.delayMs) await new Promise((resolve) => setTimeout(resolve, setup.delayMs));
        results.push({ doubled: item * 2, pid: process.pid });
      }
      return results;
    };
  });
  process.emit('message', { kind: 'setup', setup, warningsPath: setup.module });
});
