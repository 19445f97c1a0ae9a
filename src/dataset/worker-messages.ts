/** What the parent tells a worker: how to set itself up, then one batch after the other. */
export type WorkerOrder<Setup, Item> =
  | { readonly kind: 'setup'; readonly setup: Setup; readonly warningsPath: string }
  | { readonly kind: 'batch'; readonly id: number; readonly items: readonly Item[] };

/** What a worker answers. One result an item, in order. */
export type WorkerAnswer<Result> =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    }
  /** The batch threw; what else is known is in the words. */
  | { readonly kind: 'refused'; readonly id: number; readonly reason: string }
  | { readonly kind: 'done'; readonly id: number; readonly results: readonly Result[] };
