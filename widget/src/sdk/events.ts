import type { ChatEventName, ChatEvents } from "./types.ts";

type Listener<Name extends ChatEventName> = (detail: ChatEvents[Name]) => void;

/** Tells whoever listens. A listener that throws is the page's matter: it disturbs neither the chat nor the others. */
export class Events {
  #listeners: { [Name in ChatEventName]?: Set<Listener<Name>> } = {};

  on<Name extends ChatEventName>(name: Name, listener: Listener<Name>): () => void {
    const listeners: Set<Listener<Name>> = (this.#listeners[name] ??= new Set() as never);
    // Its own function for each call, so that one listener can listen twice.
    const own: Listener<Name> = (detail) => listener(detail);
    listeners.add(own);
    return () => listeners.delete(own);
  }

  emit<Name extends ChatEventName>(name: Name, detail: ChatEvents[Name]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) {
      try {
        (listener as Listener<Name>)(detail);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
