// A page that uses the SDK and shows nothing.

import { createChat } from "/widget/v1/usher.mjs";

const chat = createChat({ gateway: "{{gateway}}", tenant: "{{tenant}}", widget: "{{widget}}" });
const names = [
  "started",
  "message",
  "typing",
  "read",
  "assigned",
  "authentication",
  "authentication-requested",
  "token-expiring",
  "context",
  "error",
  "ended",
  "cleared",
  "connection",
];
window.heard = [];
for (const name of names) {
  chat.on(name, (detail) => window.heard.push({ name, detail: structuredClone(detail) }));
}
window.shopToken = async () => {
  const answer = await fetch("/token");
  if (!answer.ok) {
    throw new Error(`the shop's token service answers ${answer.status}`);
  }
  return answer.text();
};
if ("{{provider}}" === "shop") {
  chat.setAuthTokenProvider(window.shopToken);
}
window.chat = chat;
if (chat.hasConversation()) {
  chat.start().catch(() => {});
}
