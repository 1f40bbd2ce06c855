// What an agent does: answer, assign, end, ask to sign in, revoke and lift.

import { $, attempt, call, clock, element } from "./api.js";

const REVOKED_REFRESH_MS = 3000;

/** Wires the console's controls; `opened` tells the conversation that is shown, as the list has it. */
export function wire(opened) {
  const at = (path) => `/conversations/${opened().id}${path}`;
  // The same text once more after a failure is the same message: its id is kept until it is stored.
  let draft = null;
  $("compose").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { id, agent } = opened();
    const text = $("text").value.trim();
    if (text === "") return;
    if (draft?.conversation !== id || draft.text !== text) draft = { conversation: id, text, id: crypto.randomUUID() };
    const message = { text, id: draft.id, name: agent ?? "Agent", from: "agent" };
    if (!(await attempt(() => call("POST", at("/messages"), message)))) return;
    draft = null;
    if ($("text").value.trim() === text) $("text").value = "";
  });
  $("assign").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = {};
    if ($("queue").value.trim()) body.queue = $("queue").value.trim();
    if ($("agent").value.trim()) body.agent = $("agent").value.trim();
    await attempt(() => call("PUT", at("/assignment"), body));
  });
  $("end").addEventListener("click", () => attempt(() => call("POST", at("/end"), {})));
  $("ask").addEventListener("click", () => {
    const request = { id: crypto.randomUUID(), message: "I would like to look at your orders." };
    attempt(async () => {
      await call("POST", at("/authentication-request"), request);
      $("done").textContent = "Asked: the customer's page shows it.";
    });
  });
  $("revoke-customer").addEventListener("click", () => {
    const { tenant, authentication } = opened();
    const { subject, issuer } = authentication;
    revoke({ tenant, subject, issuer }, `Revoked: tokens of ${subject} issued until now.`);
  });
  $("revoke-conversation").addEventListener("click", () => {
    revoke({ conversation: opened().id }, "Revoked: this conversation's sign-in.");
  });
  listRevocations();
  setInterval(() => {
    if (!document.hidden) listRevocations();
  }, REVOKED_REFRESH_MS);
}

/** What of it makes sense for this conversation now. */
export function enable({ status, authenticated }) {
  const ended = status === "ended";
  const controls = document.querySelectorAll(".talk form input, .talk form button, .assign button, #end");
  for (const control of controls) control.disabled = ended;
  $("ask").disabled = ended || authenticated;
  $("revoke-customer").disabled = $("revoke-conversation").disabled = !authenticated;
}

async function revoke(target, said) {
  await attempt(async () => {
    const { matched } = await call("POST", "/revocations", target);
    const chats = matched === 1 ? "1 conversation was" : `${matched} conversations were`;
    $("done").textContent = `${said} Matched: ${chats} signed in by that.`;
    await listRevocations();
  });
}

async function listRevocations() {
  let items = [];
  try {
    ({ items } = await call("GET", "/revocations"));
    $("revoked-fault").textContent = "";
  } catch (error) {
    $("revoked-fault").textContent = `They can't be read: ${error.message}`;
  }
  // A row that stands already stays, so that the focus stays on its button.
  const rows = new Map([...$("revoked").children].map((row) => [row.dataset.id, row]));
  items.forEach((item, place) => {
    const row = rows.get(item.id) ?? revocationRow(item);
    rows.delete(item.id);
    const there = $("revoked").children[place];
    if (there !== row) $("revoked").insertBefore(row, there ?? null);
  });
  for (const row of rows.values()) row.remove();
  $("none-revoked").hidden = items.length > 0 || $("revoked-fault").textContent !== "";
}

function revocationRow(item) {
  const row = element("li");
  row.dataset.id = item.id;
  const lift = element("button", "Lift", "plain");
  lift.type = "button";
  lift.setAttribute("aria-label", `Lift: ${whatIsRevoked(item)}`);
  lift.addEventListener("click", () => attempt(async () => {
    await call("DELETE", `/revocations/${item.id}`);
    $("done").textContent = "Lifted: it refuses no token any more. A sign-in that has ended stays ended.";
    await listRevocations();
  }));
  row.append(element("span", whatIsRevoked(item)), lift);
  return row;
}

function whatIsRevoked({ subject, conversation, kid, fingerprint, everyone, issued_before }) {
  const before = issued_before ? `, tokens from before ${clock(issued_before)}` : "";
  if (subject) return `Customer ${subject}${before}`;
  if (conversation) return `Conversation ${conversation.slice(-8)}`;
  if (everyone) return `Everyone${before}`;
  return `Key ${kid ?? fingerprint}`;
}
