export type * from "./sdk/types.ts";
import { openChat } from "./sdk/chat.ts";
import { browser } from "./sdk/environment.ts";
import type { Chat, ChatOptions } from "./sdk/types.ts";

/** The chat of one widget. Nothing happens until one of its methods is called. */
export function createChat(options: ChatOptions): Chat {
  return openChat(options, browser());
}
