// What docs/widget-reference.md tells: the SDK's module, and what a page has of the script with the panel.

export * from "./index.ts";
export type { PanelState, UsherApi, UsherEventName, UsherEvents } from "./panel/api.ts";
export type { Texts } from "./texts/index.ts";
