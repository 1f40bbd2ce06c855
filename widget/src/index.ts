export type * from "./sdk/types.ts";
