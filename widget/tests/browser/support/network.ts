// The network between the browser and the gateway: it can be cut, go silent, and be looked into. Its port stays while
// the gateway behind it comes and goes.

import { createServer, connect } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

/** A connection of the browser. */
export interface Link {
  /** The first request's head. */
  head: string;
  open: boolean;
}

interface Wire extends Link {
  near: Socket;
  far: Socket | null;
  /** Nothing passes it any more, and nobody is told. */
  silent: boolean;
  /** What the gateway says in a chat doesn't arrive. */
  deaf: boolean;
}

export class Network {
  readonly #server: Server;
  readonly #wires: Wire[] = [];
  #state: "up" | "cut" | "silent" | "deaf" = "up";
  #target = 0;

  private constructor() {
    this.#server = createServer({ noDelay: true }, (near) => this.#accept(near));
  }

  static async begin(): Promise<Network> {
    const network = new Network();
    await new Promise<void>((resolve) => network.#server.listen(0, "127.0.0.1", resolve));
    return network;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every connection there ever was, the oldest first. */
  get links(): readonly Link[] {
    return this.#wires;
  }

  /** The chat's WebSockets among them that are open. */
  openChats(): number {
    return this.#wires.filter((wire) => wire.open && wire.head.startsWith("GET /chat/")).length;
  }

  leadTo(port: number): void {
    this.#target = port;
  }

  /** Every connection breaks, and no new one comes about. */
  cut(): void {
    this.#state = "cut";
    this.breakAll();
  }

  /** Every connection breaks; new ones come about. */
  breakAll(): void {
    for (const wire of this.#wires) {
      wire.near.destroy();
    }
  }

  /** Nothing passes any more, neither on old connections nor on new ones, and nobody is told. */
  silence(): void {
    this.#state = "silent";
    for (const wire of this.#wires) {
      wire.silent = true;
    }
  }

  /** The gateway hears what is said in chats; from now on nothing that it says there arrives, but for the upgrade. */
  deafen(): void {
    this.#state = "deaf";
    for (const wire of this.#wires) {
      wire.deaf = true;
    }
  }

  /** New connections work again. Those that were silenced or deafened stay so. */
  restore(): void {
    this.#state = "up";
  }

  /** Says this to every open chat in the gateway's place. */
  inject(frame: object): void {
    const payload = Buffer.from(JSON.stringify(frame));
    if (payload.length > 125) {
      throw new Error("a short frame");
    }
    const bytes = Buffer.concat([Buffer.from([0x81, payload.length]), payload]);
    for (const wire of this.#wires.filter((wire) => wire.open && wire.head.startsWith("GET /chat/"))) {
      wire.near.write(bytes);
    }
  }

  async end(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: Socket): void {
    if (this.#state === "cut") {
      near.destroy();
      return;
    }
    const silent = this.#state === "silent";
    const far = silent ? null : connect({ port: this.#target, host: "127.0.0.1", noDelay: true });
    const wire: Wire = { near, far, head: "", open: true, silent, deaf: this.#state === "deaf" };
    let upgraded = false;
    this.#wires.push(wire);
    near.on("data", (bytes: Buffer) => {
      if (!wire.head.includes("\r\n\r\n")) {
        wire.head += bytes.toString("latin1");
      }
      if (!wire.silent) {
        far?.write(bytes);
      }
    });
    far?.on("data", (bytes: Buffer) => {
      if (!wire.silent && !(wire.deaf && upgraded)) {
        near.write(bytes);
      }
      upgraded ||= wire.head.startsWith("GET /chat/");
    });
    near.on("error", () => near.destroy());
    far?.on("error", () => far.destroy());
    near.on("close", () => {
      wire.open = false;
      far?.destroy();
    });
    near.on("end", () => near.end());
    far?.on("close", () => !wire.silent && near.end());
  }
}
