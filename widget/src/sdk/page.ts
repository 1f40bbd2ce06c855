// What the page brings along, and what the gateway says of its widget.

import type { Environment } from "./environment.ts";
import { fault } from "./fault.ts";
import { find } from "./token/provider.ts";
import type { AuthTokenProvider, ChatError, ChatOptions, ContextProvider, Settings } from "./types.ts";

/** How long the gateway has to tell the settings, in milliseconds. */
export const SETTINGS_MS = 5000;

export const unreachable = () =>
  fault("gateway_unreachable", "The gateway does not answer.", "Check the network and the gateway's address.", true);

export interface Page {
  tokenProvider: AuthTokenProvider | null;
  contextProvider: ContextProvider | null;
  settings: Settings | null;
  /** Why the gateway didn't tell the settings. */
  fault: ChatError | null;
  locale(): string;
  /** The error of a widget that isn't there. */
  unknown(): ChatError;
  /** Asks the gateway for the settings, once. Throws a `ChatError`. */
  load(): Promise<Settings>;
  /** What is known of the widget. Without settings it is taken for one where signing in is optional. */
  known(): Promise<Settings | null>;
  /** The page's own provider, else the one that the settings name. Throws where the page has no such function. */
  provider(): AuthTokenProvider | null;
}

/** Where something of the widget's is. */
export function address({ gateway, tenant, widget }: ChatOptions, what: string): string {
  return `${gateway.replace(/\/+$/, "")}/${what}/${tenant}/${widget}`;
}

export function createPage(env: Environment, options: ChatOptions): Page {
  let asking: Promise<Settings> | null = null;

  const ask = async () => {
    // A fault leaves `asking` alone until it was set.
    await null;
    let status = 0;
    let cancel = () => {};
    try {
      const late = new Promise<never>((_, reject) => (cancel = env.after(SETTINGS_MS, reject as () => void)));
      const answered = env.fetch(address(options, "widget/v1/settings")).then((answer) => {
        status = answer.status;
        if (answer.ok) return answer.json() as Promise<Settings>;
        throw status;
      });
      return (page.settings = await Promise.race([answered, late]));
    } catch {
      throw (page.fault = status === 403 || status === 404 ? page.unknown() : unreachable());
    } finally {
      cancel();
      if (!page.settings) asking = null;
    }
  };

  const page: Page = {
    tokenProvider: null,
    contextProvider: null,
    settings: null,
    fault: null,
    locale: () => options.locale ?? env.language(),
    unknown: () =>
      fault(
        "widget_unknown",
        `The gateway has no widget ${options.tenant}/${options.widget} for this page.`,
        "Check tenant, widget and allowed_origins.",
      ),
    load: () => (asking ??= ask()),
    async known() {
      if (!page.fault || page.fault.temporary) await page.load().catch(() => {});
      return page.settings;
    },
    provider() {
      const path = page.settings?.javascript_client_function;
      return page.tokenProvider ?? (path ? find(env, path) : null);
    },
  };
  return page;
}
