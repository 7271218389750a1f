// Commands wait here until the daemon has answered each of them. One storage item per command: two tabs, a reload
// or a dead battery lose none, and no tab can overwrite what another has put in.

/** The daemon takes at most this many commands at once. */
export const BATCH_MAX = 100;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;
const WAITING = "outpost.command.";
const REFUSED = "outpost.refused.";

export class Outbox {
  #storage;
  #post;
  #listeners = new Set();
  #flushing = null;
  #retryMs = RETRY_MS_MIN;
  #reachable = true;

  /**
   * `storage` is localStorage or its like. `post(commands)` resolves to `{status, body}` and throws when the daemon
   * cannot be reached.
   */
  constructor(storage, post) {
    this.#storage = storage;
    this.#post = post;
  }

  /** Keeps a command, durably, before anybody is told that it was taken. Throws when the device has no room. */
  add(command) {
    this.#storage.setItem(WAITING + command.id, JSON.stringify(command));
    this.#tell({ type: "waiting" });
    return command;
  }

  /** Commands without an answer, oldest first: their ids sort by time. */
  waiting() {
    return this.#read(WAITING);
  }

  /** Commands that were refused and that nobody has acknowledged. */
  refused() {
    return this.#read(REFUSED);
  }

  /** A person has read the refusal. */
  acknowledge(id) {
    this.#storage.removeItem(REFUSED + id);
    this.#tell({ type: "acknowledged", id });
  }

  get reachable() {
    return this.#reachable;
  }

  get retryMs() {
    return this.#retryMs;
  }

  /** Calls `listener` with `{type: "waiting" | "outcome" | "reachable" | "acknowledged", …}`. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sends what waits. Calls while one is under way share it; resolves to whether nothing waits any more. */
  flush() {
    this.#flushing ??= this.#drain().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async #drain() {
    for (;;) {
      const batch = this.waiting().slice(0, BATCH_MAX);
      if (batch.length === 0) return true;
      const answered = await this.#send(batch);
      if (!answered) {
        this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
        return false;
      }
      this.#retryMs = RETRY_MS_MIN;
    }
  }

  /** Whether every command of the batch got an answer that is final. */
  async #send(batch) {
    let answer;
    try {
      answer = await this.#post(batch);
    } catch {
      this.#setReachable(false);
      return false;
    }
    this.#setReachable(true);
    if (answer.status === 200 && Array.isArray(answer.body?.outcomes)) {
      return this.#settle(batch, answer.body.outcomes);
    }
    const refusedAsAWhole = answer.status >= 400 && answer.status < 500 && ![408, 425, 429].includes(answer.status);
    if (!refusedAsAWhole) return false;
    if (batch.length === 1) {
      const { code = "malformed", detail = "" } = answer.body ?? {};
      return this.#settle(batch, [{ id: batch[0].id, result: "rejected", code, sentence: detail }]);
    }
    // One command of a form that the daemon does not take must not hold up the others.
    for (const command of batch) {
      if (!(await this.#send([command]))) return false;
    }
    return true;
  }

  #settle(batch, outcomes) {
    const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
    let complete = true;
    for (const command of batch) {
      const outcome = byId.get(command.id);
      if (!outcome || outcome.result === "failed") {
        complete = false;
        if (outcome) this.#tell({ type: "outcome", command, outcome });
        continue;
      }
      if (outcome.result === "rejected") {
        const { code: _secret, ...kept } = command; // what a customer said is not kept longer than it must be
        this.#storage.setItem(REFUSED + command.id, JSON.stringify({ id: command.id, command: kept, outcome }));
      }
      this.#storage.removeItem(WAITING + command.id);
      this.#tell({ type: "outcome", command, outcome });
    }
    return complete;
  }

  #read(prefix) {
    const found = [];
    for (let at = 0; at < this.#storage.length; at += 1) {
      const key = this.#storage.key(at);
      if (key?.startsWith(prefix)) found.push(key);
    }
    return found.sort().flatMap((key) => {
      const text = this.#storage.getItem(key); // another tab may have settled it meanwhile
      return text === null ? [] : [JSON.parse(text)];
    });
  }

  #setReachable(reachable) {
    if (this.#reachable === reachable) return;
    this.#reachable = reachable;
    this.#tell({ type: "reachable", reachable });
  }

  #tell(event) {
    for (const listener of this.#listeners) listener(event);
  }
}
