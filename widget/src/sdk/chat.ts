// The chat as a page sees it.

import { createConversation } from "./conversation.ts";
import { randomKey, type Environment } from "./environment.ts";
import type { Chat, ChatError, ChatOptions, Message } from "./types.ts";

/** The longest message, until the gateway has told. */
export const MESSAGE_CHARACTERS = 6000;

export function openChat(options: ChatOptions, env: Environment): Chat {
  const conversation = createConversation(env, options);
  const { events, exists, forget, messages, outbox, page, signIn, start, startIfIdle, state, tokens } = conversation;

  const deliver = (message: Message) => {
    conversation.tell(message);
    outbox.flush();
  };

  return {
    settings: page.load,
    hasConversation: exists,
    start,
    disconnect: () => conversation.stop({ state: "idle" }),
    leave: () => forget("left"),
    send(text) {
      startIfIdle();
      const most = conversation.standing().limits?.message_characters ?? MESSAGE_CHARACTERS;
      const message = messages.write(randomKey(env), text, new Date(env.now()).toISOString(), most);
      deliver(message);
      return message;
    },
    retry(id) {
      const message = messages.again(id);
      if (!message) return;
      startIfIdle();
      deliver(message);
    },
    typing: outbox.typing,
    read: outbox.read,
    setContext: outbox.setContext,
    async signIn() {
      // The page's own provider may open a window, which browsers allow right after a click alone.
      if (!page.tokenProvider) await page.known();
      try {
        await tokens.ask();
      } catch (error) {
        events.emit("error", error as ChatError);
        return conversation.standing().signedIn;
      }
      if (exists()) startIfIdle();
      return state() === "idle" || state() === "ended" ? false : signIn.result();
    },
    signOut() {
      conversation.say({ type: "sign_out" });
      forget("signed_out");
    },
    end() {
      if (conversation.standing().over || !exists()) return;
      outbox.end();
      startIfIdle();
    },
    setAuthTokenProvider(provider) {
      page.tokenProvider = provider;
      if (provider) conversation.unblock();
    },
    getAuthTokenProvider: () => page.tokenProvider,
    setContextProvider(provider) {
      page.contextProvider = provider;
    },
    getContextProvider: () => page.contextProvider,
    getState() {
      const { resume_token: _, over: __, ...stands } = conversation.standing();
      return { ...stands, connection: state(), waiting: messages.waiting().length };
    },
    messages: messages.list,
    on: events.on,
  };
}
