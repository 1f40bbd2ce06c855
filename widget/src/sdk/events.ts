import type { ChatEventName, ChatEvents } from "./types.ts";

export interface Events {
  on<Name extends ChatEventName>(name: Name, listener: (detail: ChatEvents[Name]) => void): () => void;
  emit<Name extends ChatEventName>(name: Name, detail: ChatEvents[Name]): void;
}

/** Tells whoever listens. A listener that throws is the page's matter: it disturbs neither the chat nor the others. */
export function createEvents(): Events {
  const listeners = new Set<{ name: ChatEventName; hear: (detail: never) => void }>();
  return {
    on(name, hear) {
      const own = { name, hear };
      listeners.add(own);
      return () => listeners.delete(own);
    },
    emit(name, detail) {
      for (const listener of [...listeners]) {
        try {
          if (listener.name === name) listener.hear(detail as never);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
