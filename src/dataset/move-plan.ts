import { readdirSync, readFileSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { writeJsonFile } from '../models/json-file.js';
import {
  isCopy,
  isThere,
  linkOf,
  moveAside,
  moveBack,
  removeCopy,
  removeEmptyFolders,
} from './move-file.js';
import type { WorkFolder } from './work-folder.js';

const moveSchema = z.object({
  /** Below the folder of the set's parent, so that all may be moved together. */
  from: z.string(),
  to: z.string(),
  reason: z.string(),
  detail: z.string(),
  /** Where it leads, when it is a link; {@link MovePlans.move} sees to it. */
  link: z.string().optional(),
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

/** The moves of one command. */
export interface Batch {
  readonly command: string;
  readonly moves: readonly Move[];
}

/** What became of moves. */
export interface Moved {
  readonly moved: readonly Move[];
  /** Files that are not there under their names, as where a name is no UTF-8. */
  readonly notFound: readonly string[];
}

/** What came back of what was moved. */
export interface Undone {
  readonly restored: number;
  /** Images whose place another file has taken; they stay where they are. */
  readonly blocked: readonly string[];
  /** Where images were put that are not there now; they are not forgotten. */
  readonly missing: readonly string[];
}

const PLAN_NAME = /^moves-(\d+)\.json$/;

/** Moves of a set's files, each batch written down before it is begun: it can be ended and undone. */
export class MovePlans {
  readonly #folder: WorkFolder;

  constructor(folder: WorkFolder) {
    this.#folder = folder;
  }

  /**
   * Ends what a command began that was killed. Of what it had not begun to move nothing is left to
   * end: such a list is dropped.
   *
   * @param dryRun Say what is to be ended, and move nothing.
   * @returns The commands, with all that they moved before and now.
   * @throws FaceEvalError STORE when a file cannot be moved.
   */
  async finishInterrupted(
    dryRun: boolean,
    onNote: (what: string) => void = () => {},
  ): Promise<readonly Batch[]> {
    const ended: Batch[] = [];
    for (const name of this.#names()) {
      const plan = this.#read(name);
      if (plan.done) continue;
      const { command } = plan;
      const moves = plan.moves.map((move) => this.#lengthen(move));
      const left = moves.filter(({ from }) => isThere(from));
      if (left.length === moves.length && !moves.some(({ to }) => isThere(to))) {
        if (!dryRun) await unlink(join(this.#folder.path, name));
      } else if (dryRun) {
        onNote(
          `an interrupted \`${command}\` has ${left.length} of ${moves.length} moves left: the next ` +
            'command that moves images ends them, `faceeval data restore` undoes them',
        );
        ended.push({ command, moves });
      } else {
        const moved = await this.#carryOut(name, plan);
        onNote(`ended the ${moved.length} moves of an interrupted \`${command}\``);
        ended.push({ command, moves: moved });
      }
    }
    return ended;
  }

  /**
   * Moves files. None is overwritten: a name that is taken gets a number.
   *
   * @param command Which command moves them.
   * @throws FaceEvalError STORE when a file cannot be moved; the next command goes on from there.
   */
  async move(command: string, moves: readonly Move[]): Promise<Moved> {
    const taken = new Set<string>();
    const found = moves.filter(({ from }) => isThere(from));
    const known = new Set(found);
    const notFound = moves.filter((move) => !known.has(move)).map(({ from }) => from);
    if (found.length === 0) return { moved: [], notFound };
    const planned = found.map((move) => {
      const to = freeName(move.to, taken);
      taken.add(to);
      const link = linkOf(move.from);
      return this.#shorten({ ...move, to, ...(link !== undefined && { link }) });
    });
    const numbers = this.#names().map((name) => Number(PLAN_NAME.exec(name)?.[1]));
    const name = `moves-${Math.max(0, ...numbers) + 1}.json`;
    const time = new Date().toISOString();
    const plan: Plan = { schema: 1, command, time, done: false, moves: planned };
    writeJsonFile(join(this.#folder.path, name), plan);
    return { moved: await this.#carryOut(name, plan), notFound };
  }

  /**
   * Moves files back to where they were, the newest moves first. What a killed command had not
   * moved yet is called off.
   *
   * @param reasons Only those moved for one of these; all when absent.
   * @throws FaceEvalError STORE when a file cannot be moved.
   */
  async undo(reasons: ReadonlySet<string> | undefined, dryRun: boolean): Promise<Undone> {
    const undone = { restored: 0, blocked: [] as string[], missing: [] as string[] };
    for (const name of this.#names().reverse()) {
      const plan = this.#read(name);
      const left: Move[] = [];
      for (const move of [...plan.moves].reverse()) {
        const { from, to, link } = this.#lengthen(move);
        const [isBack, isAside] = [isThere(from), isThere(to)];
        // Never moved, or moved back by hand.
        if (isBack && !isAside) continue;
        if (reasons !== undefined && !reasons.has(move.reason)) {
          left.unshift(move);
        } else if (!isAside) {
          // Perhaps on a disk that is not attached: it must not be forgotten.
          undone.missing.push(to);
          left.unshift(move);
        } else if (!isBack) {
          undone.restored++;
          if (!dryRun) await moveBack(to, from, link);
        } else if (await isCopy(from, to, link)) {
          undone.restored++;
          if (!dryRun) await removeCopy(to);
        } else {
          undone.blocked.push(move.from);
          left.unshift(move);
        }
      }
      if (!dryRun) await this.#keepRest(name, plan, left);
    }
    return undone;
  }

  async #keepRest(name: string, plan: Plan, left: Move[]): Promise<void> {
    const path = join(this.#folder.path, name);
    if (left.length === 0) await unlink(path);
    else writeJsonFile(path, { ...plan, done: true, moves: left });
    const kept = new Set(left);
    const gone = plan.moves.filter((move) => !kept.has(move));
    await removeEmptyFolders(
      gone.map((move) => dirname(this.#lengthen(move).to)),
      this.#stops(),
    );
  }

  /** @returns What is moved, now or before a kill. */
  async #carryOut(name: string, plan: Plan): Promise<readonly Move[]> {
    const moves = plan.moves.map((move) => this.#lengthen(move));
    const places = new Map(moves.map(({ from, to }) => [from, to]));
    for (const move of moves) {
      const { from, to, link } = move;
      if (!isThere(from)) continue;
      if (!isThere(to)) await moveAside(move, places);
      // Otherwise it was moved before a kill, and what has its old name now is another file.
      else if (await isCopy(from, to, link)) await removeCopy(from);
    }
    await removeEmptyFolders(
      moves.map(({ from }) => dirname(from)),
      this.#stops(),
    );
    writeJsonFile(join(this.#folder.path, name), { ...plan, done: true });
    return moves.filter(({ to }) => isThere(to));
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

  #shorten(move: Move): Move {
    const parent = dirname(this.#folder.set);
    return { ...move, from: relative(parent, move.from), to: relative(parent, move.to) };
  }

  #lengthen(move: Move): Move {
    const parent = dirname(this.#folder.set);
    return { ...move, from: resolve(parent, move.from), to: resolve(parent, move.to) };
  }
}

function freeName(path: string, taken: ReadonlySet<string>): string {
  let free = path;
  for (let number = 2; taken.has(free) || isThere(free); number++) {
    free = path.replace(/(\.[^./]*)?$/, `~${number}$1`);
  }
  return free;
}
