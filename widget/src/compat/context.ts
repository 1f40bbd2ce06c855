// Unsigned variables as a page written for Dynamics 365 gives them. `{value, isDisplayable}` and bare values are both
// taken; null, undefined and "" say there that a variable isn't known, where on the wire `null` would remove one.

import type { Chat, Context, ContextProvider } from "../sdk/types.ts";

/** What a page hands over: anything, until it was looked at. */
type Given = Record<string, unknown>;

/** Without the variables that say nothing. What is no primitive stays, so that the gateway can say what is wrong. */
export function known(given: unknown): Context {
  const isSaid = ([, entry]: [string, unknown]): boolean => {
    const value = typeof entry === "object" && entry !== null && "value" in entry ? entry.value : entry;
    return value !== null && value !== undefined && value !== "";
  };
  return Object.fromEntries(Object.entries((given ?? {}) as Given).filter(isSaid)) as Context;
}

/** What the page has said of the customer's context, and when the chat is told of it. */
export class PageContext {
  readonly #chat: Chat;
  #provider: ContextProvider | null = null;
  #given: Context | null = null;

  constructor(chat: Chat) {
    this.#chat = chat;
    chat.on("started", ({ resumed }) => this.#taken(resumed));
  }

  /** The page's own function, as it gave it. */
  get provider(): ContextProvider | null {
    return this.#provider;
  }

  set provider(provider: ContextProvider | null) {
    this.#provider = provider;
    this.#install();
  }

  /** For the conversation under way, else for the next one, in place of what the provider says. */
  give(given: unknown): void {
    const context = known(given);
    if (this.#chat.getState().connection === "open") {
      this.#chat.setContext(context);
    } else {
      this.#given = context;
      this.#install();
    }
  }

  /** A conversation that was taken up has asked no provider. */
  #taken(resumed: boolean): void {
    const given = this.#given;
    if (given === null) return;
    this.#given = null;
    this.#install();
    if (resumed) this.#chat.setContext(given);
  }

  #install(): void {
    const isSilent = this.#given === null && this.#provider === null;
    this.#chat.setContextProvider(isSilent ? null : (callback) => this.#provide(callback));
  }

  #provide(callback: (context: Context) => void): unknown {
    if (this.#given !== null) return this.#given;
    const said = this.#provider?.((context) => callback(known(context)));
    return Promise.resolve(said).then((value) => (value === undefined ? undefined : known(value)));
  }
}
