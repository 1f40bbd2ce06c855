import type { UsherApi } from "../panel/api.ts";
import type { Chat } from "../sdk/types.ts";

export function dynamics365(_chat: Chat, _usher: UsherApi): void {}
