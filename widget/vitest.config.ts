import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "tests/package/*.test.ts"], environment: "node" } },
      {
        test: {
          name: "browser",
          include: ["tests/{browser,panel}/**/*.test.ts"],
          environment: "node",
          globalSetup: "tests/browser/support/setup.ts",
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
