// The real gateway, as a process of its own behind a network that can be cut.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Network } from "./network.ts";
import { USHER } from "./programs.ts";
import { until } from "./wait.ts";

const SECRET = "5up3r-s3cr3t-of-the-agents-desk";

/** The API key of a client that may do everything. */
export const API_KEY = `desk.${SECRET}`;

export interface GatewaySettings {
  /** Where the tenants' keys are. */
  publicKeyUrl: string;
  /** The shop's origins. */
  origins: string[];
  /** Lines of `[limits]`; there are no limits otherwise. */
  limits?: Record<string, string | number>;
  /** Lines of `[conversations]`. */
  conversations?: Record<string, string | number>;
}

interface Addresses {
  public: number;
  consumer: number;
  ops: number;
}

export class Gateway {
  readonly network: Network;
  readonly #folder: string;
  #process: ChildProcess | null = null;
  #addresses: Addresses = { public: 0, consumer: 0, ops: 0 };
  #log = "";

  private constructor(network: Network, folder: string) {
    this.network = network;
    this.#folder = folder;
  }

  static async begin(settings: GatewaySettings): Promise<Gateway> {
    const folder = await mkdtemp(join(tmpdir(), "usher-browser-"));
    await mkdir(join(folder, "tenants"));
    await writeFile(join(folder, "usher.toml"), configuration(settings));
    await writeFile(join(folder, "tenants/contoso.toml"), tenant(settings, ""));
    const named = 'javascript_client_function = "auth.getAuthenticationToken"\n';
    await writeFile(join(folder, "tenants/fabrikam.toml"), tenant(settings, named));
    const gateway = new Gateway(await Network.begin(), folder);
    await gateway.start();
    return gateway;
  }

  /** Where the browser finds it, by way of the network. */
  get url(): string {
    return `http://127.0.0.1:${this.network.port}`;
  }

  /** The consumer listener. */
  get consumer(): string {
    return `http://127.0.0.1:${this.#addresses.consumer}`;
  }

  /** All that was logged, over every restart. */
  get log(): string {
    return this.#log;
  }

  /** Starts the process, and waits until it is ready. */
  async start(): Promise<void> {
    const child = spawn(USHER, ["serve", "--config", join(this.#folder, "usher.toml")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    process.once("exit", () => child.kill("SIGKILL"));
    child.stderr.on("data", (bytes: Buffer) => (this.#log += bytes.toString()));
    for await (const line of createInterface({ input: child.stdout })) {
      const [name, address] = line.split(" ");
      if (name === "public" || name === "consumer" || name === "ops") {
        this.#addresses[name] = Number(address?.split(":").at(-1));
      }
      if (name === "ops") {
        break;
      }
    }
    if (child.exitCode !== null) {
      throw new Error(`the gateway did not start: ${this.#log}`);
    }
    await until("a ready gateway", async () => {
      const answer = await fetch(`http://127.0.0.1:${this.#addresses.ops}/readyz`).catch(() => null);
      return answer?.status === 200 ? true : null;
    });
    this.network.leadTo(this.#addresses.public);
  }

  /** Ends it as a power failure would. */
  async kill(): Promise<void> {
    await this.#signal("SIGKILL");
  }

  /** Drains it; the exit code, once it is gone. */
  drain(): Promise<number | null> {
    return this.#signal("SIGTERM");
  }

  async end(): Promise<void> {
    await this.kill();
    await this.network.end();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #signal(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) {
      return child?.exitCode ?? null;
    }
    const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
    child.kill(signal);
    return gone;
  }
}

function configuration(settings: GatewaySettings): string {
  const unlimited = [
    "connections",
    "connections_per_address",
    "connects_per_address_per_second",
    "starts_per_address_per_minute",
    "authentications_per_minute",
    "messages_per_minute",
    "frames_per_minute",
    "consumer_requests_per_minute",
    "wrong_keys_per_address_per_minute",
  ].map((name) => [name, 0] as const);
  return `tenants = "tenants/"
[listen]
public = "127.0.0.1:0"
consumer = "127.0.0.1:0"
ops = "127.0.0.1:0"
[journal]
path = "data/usher.db"
[keys]
allow_http_hosts = ["127.0.0.1"]
allow_networks = ["127.0.0.0/8"]
[limits]
${table({ ...Object.fromEntries(unlimited), ...settings.limits })}
[conversations]
${table(settings.conversations ?? {})}
[[client]]
id = "desk"
secret_sha256 = ["${createHash("sha256").update(SECRET).digest("hex")}"]
scopes = ["*"]
tenants = ["*"]
`;
}

function tenant(settings: GatewaySettings, authentication: string): string {
  const origins = `allowed_origins = ${JSON.stringify(settings.origins)}`;
  return `name = "Contoso"
[authentication]
public_key_url = "${settings.publicKeyUrl}"
${authentication}
[context.variables]
cart_value = "number"
[widgets.web]
authentication = "optional"
${origins}
[widgets.lenient]
authentication = "optional"
invalid_token = "anonymous"
${origins}
[widgets.required]
authentication = "required"
${origins}
[widgets.off]
authentication = "off"
${origins}
[widgets.anywhere]
authentication = "optional"
allowed_origins = ["*"]
[[queue]]
name = "default"
`;
}

function table(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join("\n");
}
