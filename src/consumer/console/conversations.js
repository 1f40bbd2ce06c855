// The conversations as the console knows them: pages of the list, and every event since, which says all that changes.

const PAGE = 50;
const PREFIX = "usher.conversation.";
/** Conversations that were heard of and aren't known; past this the list is read anew. */
const WANTED_MOST = 50;
const FILTERS = {
  status: "open",
  authenticated: "",
  tenant: "",
  queue: "",
  subject: "",
};

/** An event's type without what all of them begin with. */
export const kindOf = ({ type }) => type.slice(PREFIX.length);

/** Tells `changed` (the list), `event` (with the event as `detail`) and `fault` (with the problem). */
export class Conversations extends EventTarget {
  #api;
  #known = new Map();
  #unread = new Map(); // how many messages of the customer came that nobody has looked at here
  #filters = { ...FILTERS };
  #cursor = null;
  #open = null;
  #round = 0; // which reading of the list counts
  #wanted = new Set();
  #isLookingUp = false;

  constructor(api) {
    super();
    this.#api = api;
  }

  /** Those that match the filters and the one that is open, the newest first. */
  get listed() {
    const listed = [...this.#known.values()].filter(
      (item) => item.id === this.#open || this.#matches(item),
    );
    // Ids begin with the time.
    return listed.sort((left, right) => (left.id < right.id ? 1 : -1));
  }

  get filters() {
    return { ...this.#filters };
  }

  get hasMore() {
    return this.#cursor !== null;
  }

  get unread() {
    return [...this.#unread.values()].reduce((sum, count) => sum + count, 0);
  }

  unreadOf(id) {
    return this.#unread.get(id) ?? 0;
  }

  get(id) {
    return this.#known.get(id);
  }

  /** Names that tenants, queues and agents are known to have, for whoever types one. */
  names(member) {
    const names = new Set(
      [...this.#known.values()].map((item) => item[member]).filter(Boolean),
    );
    return [...names].sort();
  }

  /** Forgets all of them. */
  clear() {
    this.#round += 1;
    this.#known.clear();
    this.#unread.clear();
    this.#wanted.clear();
    this.#cursor = null;
    this.#changed();
  }

  filter(filters) {
    this.#filters = { ...FILTERS, ...filters };
    return this.load();
  }

  /** Reads the first page anew. */
  async load() {
    this.#round += 1;
    const round = this.#round;
    const page = await this.#page(null);
    if (round !== this.#round) return;
    const open = this.#known.get(this.#open);
    this.#known.clear();
    if (open) this.#known.set(open.id, open);
    this.#take(page);
  }

  /** Reads the next page. */
  async more() {
    const round = this.#round;
    const page = await this.#page(this.#cursor);
    if (round === this.#round) this.#take(page);
  }

  /** Opens a conversation, or none; answers its summary as it stands now. */
  async open(id) {
    this.#open = id;
    this.#changed();
    if (id === null) return null;
    const item = await this.#api.get(
      `/v1/conversations/${encodeURIComponent(id)}`,
    );
    this.#put(item);
    this.#changed();
    return item;
  }

  /** Somebody looks at it. */
  seen(id) {
    if (this.#unread.delete(id)) this.#changed();
  }

  /** Takes an event of the stream. */
  event(event) {
    const kind = kindOf(event);
    const { subject, data } = event;
    const item = this.#known.get(subject);
    if (item && data.sequence > item.sequence) reduce(item, event, kind);
    else if (!item && kind === "started") this.#put(begun(event));
    else if (!item && data.sequence !== undefined) this.#want(subject);
    if (kind === "message" && data.from === "customer") {
      this.#unread.set(subject, this.unreadOf(subject) + 1);
    } else if (kind === "read" && data.by === "agent") {
      this.#unread.delete(subject);
    }
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
    this.#changed();
  }

  #matches({ status, authenticated, authentication, tenant, queue }) {
    const wanted = this.#filters;
    return (
      (!wanted.status || wanted.status === status) &&
      (!wanted.authenticated ||
        wanted.authenticated === String(authenticated)) &&
      (!wanted.tenant || wanted.tenant === tenant) &&
      (!wanted.queue || wanted.queue === queue) &&
      (!wanted.subject || wanted.subject === authentication.subject)
    );
  }

  #page(cursor) {
    const query = new URLSearchParams({ limit: PAGE });
    for (const [name, value] of Object.entries(this.#filters))
      if (value) query.set(name, value);
    if (cursor) query.set("cursor", cursor);
    return this.#api.get(`/v1/conversations?${query}`);
  }

  #take({ items, cursor }) {
    for (const item of items) this.#put(item);
    this.#cursor = cursor ?? null;
    this.#changed();
  }

  /** An event may have been faster than the page that tells the same. */
  #put(item) {
    const known = this.#known.get(item.id);
    if (!known || known.sequence <= item.sequence)
      this.#known.set(item.id, item);
  }

  /** Something happened in a conversation that isn't known: it may match by now. One after the other. */
  async #want(id) {
    this.#wanted.add(id);
    if (this.#isLookingUp) return;
    this.#isLookingUp = true;
    try {
      while (this.#wanted.size > 0) {
        if (this.#wanted.size > WANTED_MOST) {
          this.#wanted.clear();
          await this.load();
          break;
        }
        const [next] = this.#wanted;
        this.#wanted.delete(next);
        const item = await this.#api.get(`/v1/conversations/${next}`);
        if (this.#matches(item)) this.#put(item);
        this.#changed();
      }
    } catch (problem) {
      this.dispatchEvent(new CustomEvent("fault", { detail: problem }));
    } finally {
      this.#isLookingUp = false;
    }
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}

/** The summary of a conversation whose first event this is. */
function begun({ subject, tenant, source, time, data }) {
  const { authentication, variables, queue, sequence } = data;
  return {
    id: subject,
    tenant,
    widget: source.split("/").at(-1),
    status: "open",
    authenticated: authentication.status === "authenticated",
    authentication,
    variables,
    queue,
    agent: null,
    connected: true,
    sequence,
    started_at: time,
    updated_at: time,
  };
}

/** What the event changes of the summary. */
function reduce(item, { time, data }, kind) {
  const {
    sequence,
    authentication,
    variables,
    reason,
    queue,
    agent,
    from,
    by,
  } = data;
  const authenticated = authentication.status === "authenticated";
  Object.assign(item, {
    sequence,
    authentication,
    authenticated,
    updated_at: time,
  });
  if (variables) item.variables = variables;
  if (kind === "authenticated" || kind === "downgraded")
    item.authentication_changed = { reason, at: time };
  if (kind === "assigned") Object.assign(item, { queue, agent: agent ?? null });
  if (kind === "disconnected") item.connected = false;
  // Who comes back within five seconds is not told to have been away.
  if (kind === "reconnected" || isByThePage(kind, from, by))
    item.connected = true;
  if (kind === "ended")
    Object.assign(item, { status: "ended", connected: false, ended_at: time });
}

/** Whether it was the customer's page that did it, which has to be there for that. */
function isByThePage(kind, from, by) {
  return (
    kind === "authenticated" ||
    kind === "context" ||
    from === "customer" ||
    (kind === "read" && by === "customer")
  );
}
