// What an agent does besides answering: assign, ask for a sign-in, have the page connect anew, end, revoke.

import { $, randomId, say } from "./dom.js";

export class Actions {
  #api;
  #session;
  #opened;
  #attempt;
  #asking = null; // the request to sign in that may have to be sent again
  #filled = null; // the conversation whose queue and agent stand in the fields

  /**
   * @param opened tells the conversation that is open
   * @param attempt does something, and shows why where it fails
   * @param revoked is told after a revocation
   */
  constructor(api, session, opened, attempt, revoked) {
    this.#api = api;
    this.#session = session;
    this.#opened = opened;
    this.#attempt = attempt;
    this.#on("assign", "submit", () => this.#assign());
    this.#on("ask", "submit", () => this.#ask());
    this.#on("reconnect", "click", () =>
      this.#do("POST", "/reconnect", {}, "The customer's page connects anew."),
    );
    this.#on("end", "submit", () => this.#end());
    this.#on("revoke-conversation", "click", async () => {
      const { matched } = await this.#revoke({
        conversation: this.#opened().id,
      });
      this.#done(
        matched > 0
          ? "Revoked: this conversation's sign-in has ended."
          : "Revoked: nobody was signed in here.",
      );
      revoked();
    });
    this.#on("revoke-customer", "click", async () => {
      const { tenant, authentication } = this.#opened();
      const { matched } = await this.#revoke({
        tenant,
        subject: authentication.subject,
        issuer: authentication.issuer,
      });
      const chats =
        matched === 1 ? "1 conversation was" : `${matched} conversations were`;
      this.#done(
        `Revoked: no token of ${authentication.subject} issued until now is taken. ${chats} signed in by one.`,
      );
      revoked();
    });
  }

  /** What of it makes sense for this conversation now, and may be done. */
  render(item) {
    const mayWrite = this.#session.may("conversations:write");
    const mayRevoke = this.#session.may("revocations:write");
    const isOpen = item.status === "open";
    for (const form of ["assign", "ask", "end"]) {
      for (const control of $(form).querySelectorAll("input, button"))
        control.disabled = !isOpen || !mayWrite;
    }
    for (const control of $("ask").querySelectorAll("input, button"))
      control.disabled ||= item.authenticated;
    $("reconnect").disabled = !isOpen || !mayWrite;
    $("revoke").hidden = !mayRevoke;
    $("revoke-conversation").disabled = $("revoke-customer").disabled =
      !isOpen || !item.authenticated;
    say(
      $("may-not"),
      mayWrite
        ? ""
        : "This key may read and not write: its client has no scope conversations:write.",
    );
    if (this.#filled === item.id) return;
    this.#filled = item.id;
    $("queue").value = item.queue;
    $("agent").value = item.agent ?? "";
    $("ask-message").value = $("end-reason").value = "";
    say($("done"), "");
  }

  /** Another conversation, or none, is open. */
  clear() {
    this.#filled = this.#asking = null;
    say($("done"), "");
  }

  #on(id, event, act) {
    $(id).addEventListener(event, (happened) => {
      happened.preventDefault();
      this.#attempt(act);
    });
  }

  #done(text) {
    say($("done"), text);
  }

  async #do(method, path, body, done) {
    await this.#api.call(
      method,
      `/v1/conversations/${this.#opened().id}${path}`,
      body,
    );
    this.#done(done);
  }

  async #assign() {
    const [queue, agent] = ["queue", "agent"].map((id) => $(id).value.trim());
    const body = { ...(queue ? { queue } : {}), ...(agent ? { agent } : {}) };
    if (!queue && !agent) return this.#done("Give a queue, an agent, or both.");
    await this.#do(
      "PUT",
      "/assignment",
      body,
      agent ? `Assigned to ${agent}.` : `In the queue ${queue}, with nobody.`,
    );
  }

  async #ask() {
    const conversation = this.#opened().id;
    const message = $("ask-message").value.trim();
    // The same once more after a failure is the same request.
    const asking = this.#asking;
    const isSame =
      asking?.conversation === conversation && asking.message === message;
    this.#asking = isSame ? asking : { conversation, message, id: randomId() };
    const body = { id: this.#asking.id, ...(message ? { message } : {}) };
    await this.#do(
      "POST",
      "/authentication-request",
      body,
      "Asked: the customer's page offers to sign in.",
    );
    this.#asking = null;
    $("ask-message").value = "";
  }

  async #end() {
    const reason = $("end-reason").value.trim();
    $("end-confirm").open = false;
    await this.#do("POST", "/end", reason ? { reason } : {}, "Ended.");
  }

  #revoke(target) {
    return this.#api.call("POST", "/v1/revocations", {
      ...target,
      id: randomId(),
    });
  }
}
