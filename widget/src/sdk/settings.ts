// What the gateway says of the widget before there is a conversation.

import type { Environment } from "./environment.ts";
import { fault } from "./fault.ts";
import type { ChatOptions, Settings } from "./types.ts";

/** How long the gateway has to answer, in milliseconds. */
export const SETTINGS_MS = 5000;

export const unreachable = () =>
  fault("gateway_unreachable", "The gateway does not answer.", "Check the network and the gateway's address.", true);

export const unknownWidget = ({ tenant, widget }: ChatOptions) =>
  fault(
    "widget_unknown",
    `The gateway has no widget ${tenant}/${widget} for this page.`,
    "Check tenant, widget and the widget's allowed_origins.",
  );

/** Asks the gateway. Throws a `ChatError`. */
export async function load(env: Environment, options: ChatOptions): Promise<Settings> {
  const url = `${options.gateway}/widget/v1/settings/${options.tenant}/${options.widget}`;
  let status = 0;
  let cancel = () => {};
  try {
    const late = new Promise<never>((_, reject) => (cancel = env.after(SETTINGS_MS, reject as () => void)));
    const answer = await Promise.race([env.fetch(url), late]);
    status = answer.status;
    if (answer.ok) return (await Promise.race([answer.json(), late])) as Settings;
  } catch {
  } finally {
    cancel();
  }
  throw status === 403 || status === 404 ? unknownWidget(options) : unreachable();
}
