// The agent's page: what the consumer API tells, and what an agent may do with it. Everything that comes from
// outside is set as text, never as markup.

const $ = (id) => document.getElementById(id);
const API = "/console/api";
const PAGE = 200;
const REFRESH_MS = 3000;

let conversations = new Map();
let open = null; // the id of the conversation that is shown
let shownUpTo = 0; // its last event that stands in the log

async function call(method, path, body) {
  const init = { method, headers: {} };
  if (body !== undefined) {
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const answer = await fetch(API + path, init);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const text = await answer.text();
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    problem.detail = text.trim();
  }
  throw new Error(problem.detail ?? problem.title ?? problem.code ?? `status ${answer.status}`);
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

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
  shownUpTo = 0;
  $("log").replaceChildren();
  $("fault").hidden = true;
  $("detail").hidden = false;
  const item = conversations.get(id);
  $("queue").value = item?.queue ?? "";
  $("agent").value = item?.agent ?? "";
  renderList();
  renderFacts();
  $("title").focus();
  await attempt(() => catchUp(id));
}

async function catchUp(id) {
  for (;;) {
    const { items } = await call("GET", `/conversations/${id}/events?after=${shownUpTo}`);
    if (open !== id || items.length === 0) return;
    items.forEach(append);
  }
}

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
  const ended = item.status === "ended";
  for (const control of document.querySelectorAll(".talk form input, .talk form button, .assign button, #end")) {
    control.disabled = ended;
  }
}

function append(event) {
  const { type, time, data } = event;
  if (data.sequence <= shownUpTo) return;
  shownUpTo = data.sequence;
  const [kind, text, detail] = lineOf(type.replace("usher.conversation.", ""), data);
  const item = element("li", undefined, kind);
  item.append(element("p", text), element("small", `${detail ? `${detail} · ` : ""}${clock(time)}`));
  $("log").append(item);
  $("log").scrollTop = $("log").scrollHeight;
}

function lineOf(type, data) {
  switch (type) {
    case "message":
      if (data.from === "customer") return ["other", data.text, data.authenticated ? "signed in" : "not signed in"];
      return ["own", data.text, data.name ?? data.from];
    case "started": {
      const { status, subject } = data.authentication;
      const who = status === "authenticated" ? `as ${subject}` : "without sign-in";
      return ["note", `Begun ${who}, queue ${data.queue}`];
    }
    case "authenticated":
      return ["note good", `Signed in as ${data.authentication.subject} (${data.reason})`];
    case "downgraded":
      return ["note warn", `No longer signed in (${data.reason}); was ${data.previous.subject}`];
    case "assigned":
      return ["note", `Assigned to ${data.agent ? `${data.agent}, queue ${data.queue}` : `queue ${data.queue}`}`];
    case "ended":
      return ["note", `Ended by ${data.by}${data.reason ? ` (${data.reason})` : ""}`];
    default:
      return ["note", type.replaceAll("_", " ")];
  }
}

// --- what an agent does

async function attempt(action) {
  $("fault").hidden = true;
  try {
    await action();
    return true;
  } catch (error) {
    $("fault").textContent = `That was not done: ${error.message}`;
    $("fault").hidden = false;
    return false;
  }
}

// The same text once more after a failure is the same message: its id is kept until it is stored.
let draft = null;
$("compose").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [id, text] = [open, $("text").value.trim()];
  if (text === "") return;
  if (draft?.conversation !== id || draft.text !== text) draft = { conversation: id, text, id: crypto.randomUUID() };
  const name = conversations.get(id)?.agent ?? "Agent";
  const message = { text, id: draft.id, name, from: "agent" };
  if (!(await attempt(() => call("POST", `/conversations/${id}/messages`, message)))) return;
  draft = null;
  if ($("text").value.trim() === text) $("text").value = "";
});
$("assign").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = {};
  if ($("queue").value.trim()) body.queue = $("queue").value.trim();
  if ($("agent").value.trim()) body.agent = $("agent").value.trim();
  await attempt(() => call("PUT", `/conversations/${open}/assignment`, body));
});
$("end").addEventListener("click", () => attempt(() => call("POST", `/conversations/${open}/end`, {})));

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
  if (open) attempt(() => catchUp(open));
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
  if (event.data.sequence > shownUpTo + 1) attempt(() => catchUp(open));
  else append(event);
};

setInterval(() => {
  if (!document.hidden) refresh();
}, REFRESH_MS);
setInterval(() => {
  renderList();
  renderFacts();
}, 1000);
await refresh();
