import type { Plugin } from "esbuild";

export function bundle(entry: string, format: "iife" | "esm", plugins?: Plugin[]): Promise<Buffer>;
