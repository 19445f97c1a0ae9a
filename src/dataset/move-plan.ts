import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { writeJsonFile } from '../models/json-file.js';
import { copyWhole } from './whole-file.js';
import type { WorkFolder } from './work-folder.js';

const moveSchema = z.object({
  /** Below the folder of the set's parent, so that all may be moved together. */
  from: z.string(),
  to: z.string(),
  reason: z.string(),
  detail: z.string(),
});

const planSchema = z.object({
  schema: z.literal(1),
  command: z.string(),
  time: z.string(),
  /** Whether every move was done. */
  done: z.boolean(),
  moves: z.array(moveSchema),
});

/** A file that goes from one place to another, absolute paths in memory. */
export type Move = z.output<typeof moveSchema>;
type Plan = z.output<typeof planSchema>;

const PLAN_NAME = /^moves-(\d+)\.json$/;

/** Moves of a set's files, each batch written down before it is begun: it can be ended and undone. */
export class MovePlans {
  readonly #folder: WorkFolder;

  constructor(folder: WorkFolder) {
    this.#folder = folder;
  }

  /**
   * Ends what a command began that was killed.
   *
   * @returns The commands, with all that they moved before and now.
   */
  async finishInterrupted(): Promise<readonly Pick<Plan, 'command' | 'moves'>[]> {
    const ended: Plan[] = [];
    for (const name of this.#names()) {
      const plan = this.#read(name);
      if (plan.done) continue;
      await this.#carryOut(name, plan);
      ended.push(plan);
    }
    return ended.map(({ command, moves }) => ({
      command,
      moves: moves.map((move) => ({
        ...move,
        from: this.#lengthen(move.from),
        to: this.#lengthen(move.to),
      })),
    }));
  }

  /**
   * Moves files. None is overwritten: a name that is taken gets a number.
   *
   * @param command Which command moves them.
   * @throws FaceEvalError STORE when a file cannot be moved; the next command goes on from there.
   */
  async move(command: string, moves: readonly Move[]): Promise<void> {
    if (moves.length === 0) return;
    const taken = new Set<string>();
    const planned = moves.map((move) => {
      const to = freeName(move.to, taken);
      taken.add(to);
      return { ...move, from: this.#shorten(move.from), to: this.#shorten(to) };
    });
    const numbers = this.#names().map((name) => Number(PLAN_NAME.exec(name)?.[1]));
    const name = `moves-${Math.max(0, ...numbers) + 1}.json`;
    const time = new Date().toISOString();
    const plan: Plan = { schema: 1, command, time, done: false, moves: planned };
    writeJsonFile(join(this.#folder.path, name), plan);
    await this.#carryOut(name, plan);
  }

  /**
   * Moves files back to where they were, the newest moves first.
   *
   * @param reasons Only those moved for one of these; all when absent.
   * @returns How many came back, and those whose place is taken by another file.
   */
  async undo(
    reasons: ReadonlySet<string> | undefined,
    dryRun: boolean,
  ): Promise<{ readonly restored: number; readonly blocked: string[] }> {
    let restored = 0;
    const blocked: string[] = [];
    for (const name of this.#names().reverse()) {
      const plan = this.#read(name);
      const left: Move[] = [];
      for (const move of [...plan.moves].reverse()) {
        const [from, to] = [this.#lengthen(move.from), this.#lengthen(move.to)];
        if (reasons !== undefined && !reasons.has(move.reason)) left.unshift(move);
        else if (!existsSync(to)) continue;
        else if (existsSync(from)) {
          blocked.push(move.from);
          left.unshift(move);
        } else {
          restored++;
          if (!dryRun) await moveFile(to, from);
        }
      }
      if (!dryRun) await this.#keepRest(name, plan, left);
    }
    return { restored, blocked };
  }

  async #keepRest(name: string, plan: Plan, left: Move[]): Promise<void> {
    const path = join(this.#folder.path, name);
    if (left.length === 0) await unlink(path);
    else writeJsonFile(path, { ...plan, moves: left });
    const gone = plan.moves.filter((move) => !left.includes(move));
    await removeEmptyFolders(
      gone.map(({ to }) => dirname(this.#lengthen(to))),
      this.#stops(),
    );
  }

  async #carryOut(name: string, plan: Plan): Promise<void> {
    for (const move of plan.moves) {
      const [from, to] = [this.#lengthen(move.from), this.#lengthen(move.to)];
      // Done before the command was killed, or the file is gone.
      if (existsSync(from)) await moveFile(from, to);
    }
    await removeEmptyFolders(
      plan.moves.map(({ from }) => dirname(this.#lengthen(from))),
      this.#stops(),
    );
    writeJsonFile(join(this.#folder.path, name), { ...plan, done: true });
  }

  #names(): string[] {
    return readdirSync(this.#folder.path)
      .filter((name) => PLAN_NAME.test(name))
      .sort((a, b) => Number(PLAN_NAME.exec(a)?.[1]) - Number(PLAN_NAME.exec(b)?.[1]));
  }

  #read(name: string): Plan {
    const path = join(this.#folder.path, name);
    try {
      return planSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    } catch (cause) {
      throw new FaceEvalError('STORE', `${path} cannot be read: ${messageOf(cause)}`, {
        hint: 'it lists files that were moved; move it away to go on without being able to undo',
        cause,
      });
    }
  }

  /** The set itself stays, even empty, and so does what it lies in. */
  #stops(): ReadonlySet<string> {
    return new Set([this.#folder.set, dirname(this.#folder.set)]);
  }

  #shorten(path: string): string {
    return relative(dirname(this.#folder.set), path);
  }

  #lengthen(path: string): string {
    return resolve(dirname(this.#folder.set), path);
  }
}

function freeName(path: string, taken: ReadonlySet<string>): string {
  let free = path;
  for (let number = 2; taken.has(free) || existsSync(free); number++) {
    free = path.replace(/(\.[^./]*)?$/, `~${number}$1`);
  }
  return free;
}

async function moveFile(from: string, to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EXDEV') throw error;
      // Another file system: the copy is whole before the original goes.
      await copyWhole(from, to);
      await unlink(from);
    });
  } catch (cause) {
    throw new FaceEvalError('STORE', `cannot move ${from}: ${messageOf(cause)}`, {
      hint: 'set right what is in the way and give the command again: it goes on from here',
      cause,
    });
  }
}

/** Removes folders that nothing is left in, and those above them, up to one of `stops`. */
async function removeEmptyFolders(
  folders: readonly string[],
  stops: ReadonlySet<string>,
): Promise<void> {
  for (const folder of new Set(folders)) {
    for (let at = folder; !stops.has(at) && at !== dirname(at); at = dirname(at)) {
      if (!(await removeIfEmpty(at))) break;
    }
  }
}

async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}
