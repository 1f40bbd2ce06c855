// The agent's page: what the consumer API tells, and what an agent may do with it. Everything that comes from
// outside is set as text, never as markup.

import { enable, wire } from "./actions.js";
import { $, API, attempt, call, clock, element } from "./api.js";
import { catchUp, clear, take } from "./events.js";

const PAGE = 200;
const REFRESH_MS = 3000;

let conversations = new Map();
let open = null; // the id of the conversation that is shown

const yesNo = (yes) => (yes ? "Yes" : "No");
const whom = ({ authentication }) => authentication?.subject ?? "Anonymous";

function until({ authentication }) {
  const end = Date.parse(authentication?.expires_at ?? "");
  if (Number.isNaN(end)) return "–";
  return `${clock(end)}, ${Math.max(0, Math.ceil((end - Date.now()) / 1000))} s left`;
}

// --- the list

async function refresh() {
  try {
    const { items } = await call("GET", `/conversations?tenant=demo&limit=${PAGE}`);
    // The ids begin with the time: the newest stands first.
    items.sort((left, right) => (left.id < right.id ? 1 : -1));
    conversations = new Map(items.map((item) => [item.id, item]));
    renderList();
    renderFacts();
  } catch (error) {
    $("live").textContent = `The list can't be read: ${error.message}`;
  }
}

function renderList() {
  $("empty").hidden = conversations.size > 0;
  const rows = new Map([...$("conversations").children].map((row) => [row.dataset.id, row]));
  let place = 0;
  for (const item of conversations.values()) {
    const row = rows.get(item.id) ?? listRow(item.id);
    rows.delete(item.id);
    const [button] = row.children;
    const [name, badge, about] = button.children;
    button.setAttribute("aria-current", String(item.id === open));
    button.className = item.status === "ended" ? "ended" : "";
    name.textContent = whom(item);
    badge.textContent = `Authenticated: ${yesNo(item.authenticated)}`;
    badge.className = `badge ${item.authenticated ? "yes" : "no"}`;
    about.textContent = listLine(item);
    // A row is moved only where it stands wrong, so that the focus stays on it.
    const there = $("conversations").children[place];
    if (there !== row) $("conversations").insertBefore(row, there ?? null);
    place += 1;
  }
  for (const row of rows.values()) row.remove();
}

function listRow(id) {
  const row = element("li");
  row.dataset.id = id;
  const button = element("button");
  button.type = "button";
  button.append(element("strong"), element("span"), element("small"));
  button.addEventListener("click", () => show(id));
  row.append(button);
  return row;
}

function listLine(item) {
  const parts = [`queue ${item.queue}`];
  if (item.agent) parts.push(`agent ${item.agent}`);
  if (item.status === "ended") parts.push("ended");
  else parts.push(item.connected ? "connected" : "not connected");
  if (item.authenticated) parts.push(`until ${until(item)}`);
  return parts.join(" · ");
}

// --- one conversation

async function show(id) {
  open = id;
  clear();
  $("fault").hidden = true;
  $("done").textContent = "";
  $("detail").hidden = false;
  const item = conversations.get(id);
  $("queue").value = item?.queue ?? "";
  $("agent").value = item?.agent ?? "";
  renderList();
  renderFacts();
  $("title").focus();
  await attempt(() => catchUp(id, isOpen));
}

const isOpen = (id) => open === id;

let rendered = "";
function renderFacts() {
  const item = conversations.get(open);
  if (!item) return;
  // What hasn't changed stays as it is, so that it can be selected and copied.
  const now = JSON.stringify([item, until(item)]);
  if (now === rendered) return;
  rendered = now;
  const title = `${whom(item)}${item.status === "ended" ? " (ended)" : ""}`;
  if ($("title").textContent !== title) $("title").textContent = title;
  const facts = {
    Authenticated: yesNo(item.authenticated),
    "As whom": item.authenticated ? `${item.authentication.subject}, says ${item.authentication.issuer}` : "–",
    Until: until(item),
    Queue: item.queue,
    Agent: item.agent ?? "nobody",
    Connected: yesNo(item.connected),
    Widget: `${item.tenant}/${item.widget}`,
    Conversation: item.id,
  };
  const rows = Object.entries(facts).flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
  rows[1].className = item.authenticated ? "badge yes" : "badge no";
  $("facts").replaceChildren(...rows);
  const variables = Object.entries(item.variables ?? {}).map(([name, variable]) => {
    const row = element("tr");
    const verified = element("td");
    verified.append(element("span", yesNo(variable.verified), `badge ${variable.verified ? "yes" : "no"}`));
    row.append(element("td", name), element("td", String(variable.value ?? variable.raw)),
      element("td", variable.source), verified);
    return row;
  });
  $("variables").replaceChildren(...variables);
  enable(item);
}

// --- live

let due = 0;
function refreshSoon() {
  clearTimeout(due);
  due = setTimeout(refresh, 50);
}

// It comes back by itself, from where it stood.
const events = new EventSource(`${API}/events?after=latest&tenant=demo`);
events.onopen = () => {
  $("live").textContent = "Live";
  if (open) attempt(() => catchUp(open, isOpen));
  refreshSoon();
};
events.onerror = () => {
  $("live").textContent = events.readyState === EventSource.CLOSED
    ? "Not live: the gateway refused the stream; reload this page"
    : "Not connected; trying again";
};
events.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  refreshSoon();
  if (event.subject !== open || event.data.sequence === undefined) return;
  take(event, isOpen);
};

setInterval(() => {
  if (!document.hidden) refresh();
}, REFRESH_MS);
setInterval(() => {
  renderList();
  renderFacts();
}, 1000);
wire(() => conversations.get(open));
await refresh();
