// An agent's desk: a client of the consumer API.

import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { API_KEY } from "./gateway.ts";
import type { Gateway } from "./gateway.ts";

export interface Summary {
  id: string;
  widget: string;
  status: "open" | "ended";
  authenticated: boolean;
  authentication: { status: string; subject?: string };
  variables: Record<string, { value: unknown; verified: boolean }>;
  agent?: string;
  connected: boolean;
  sequence: number;
}

interface Event {
  type: string;
  data: { from?: string; text?: string; authenticated?: boolean; reason?: string; by?: string; sequence: number };
}

export class Desk {
  readonly #gateway: Gateway;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  async conversation(id: string): Promise<Summary> {
    return (await this.#call("GET", `/v1/conversations/${id}`)) as Summary;
  }

  /** The conversations of this customer, the newest first. */
  async of(subject: string): Promise<Summary[]> {
    return this.#list(`subject=${encodeURIComponent(subject)}&limit=500`);
  }

  /** Every conversation there is. */
  async all(): Promise<Summary[]> {
    return this.#list("limit=500");
  }

  async events(id: string): Promise<Event[]> {
    const found: Event[] = [];
    for (;;) {
      const path = `/v1/conversations/${id}/events?limit=500&after=${found.length}`;
      const { items } = (await this.#call("GET", path)) as { items: Event[] };
      found.push(...items);
      if (items.length === 0) {
        return found;
      }
    }
  }

  /** What was said, in order: `customer: Hello`. */
  async said(id: string): Promise<string[]> {
    const messages = (await this.events(id)).filter((event) => event.type.endsWith(".message"));
    return messages.map(({ data }) => `${data.from}: ${data.text}`);
  }

  /** That just this was said, each once and in this order. */
  async expectSaid(id: string, said: string[]): Promise<void> {
    await expect.poll(() => this.said(id), { timeout: 10_000 }).toEqual(said);
  }

  /** What became of the authentication: `downgraded token_expired`. */
  async transitions(id: string): Promise<string[]> {
    const events = (await this.events(id)).filter((event) => /\.(authenticated|downgraded)$/.test(event.type));
    return events.map((event) => `${event.type.split(".").at(-1)} ${event.data.reason}`);
  }

  async say(id: string, text: string, name = "Ines"): Promise<void> {
    await this.#call("POST", `/v1/conversations/${id}/messages`, { text, name, id: randomUUID() });
  }

  async typing(id: string): Promise<void> {
    await this.#call("POST", `/v1/conversations/${id}/typing`);
  }

  async read(id: string, sequence: number): Promise<void> {
    await this.#call("POST", `/v1/conversations/${id}/read`, { up_to: sequence });
  }

  async requestSignIn(id: string, message: string): Promise<void> {
    await this.#call("POST", `/v1/conversations/${id}/authentication-request`, { message, id: randomUUID() });
  }

  async assign(id: string, agent: string): Promise<void> {
    await this.#call("PUT", `/v1/conversations/${id}/assignment`, { agent });
  }

  async end(id: string): Promise<void> {
    await this.#call("POST", `/v1/conversations/${id}/end`, { reason: "solved" });
  }

  /** Closes the conversation's sockets with 4004. */
  async reconnect(id: string): Promise<void> {
    await this.#call("POST", `/v1/conversations/${id}/reconnect`);
  }

  /** Takes the conversation's sign-in back. */
  async revoke(conversation: string): Promise<void> {
    await this.#call("POST", "/v1/revocations", { conversation });
  }

  async #list(query: string): Promise<Summary[]> {
    const { items } = (await this.#call("GET", `/v1/conversations?${query}`)) as { items: Summary[] };
    return items;
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(this.#gateway.consumer + path, {
      method,
      headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    }
    return text === "" ? null : JSON.parse(text);
  }
}
