import { defineConfig } from "vitest/config";

const resolve = { conditions: ["blazing-sun-source"] };

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr: { resolve },
        // With what the end-to-end tests need besides a browser: a harness that overlooks errors proves nothing.
        test: { name: "sdk", include: ["sdk/test/**/*.test.ts", "e2e/test/**/*.test.ts"], environment: "node" },
      },
      {
        resolve,
        ssr: { resolve },
        test: { name: "play", include: ["play/test/**/*.test.ts"], environment: "happy-dom" },
      },
      {
        resolve,
        ssr: { resolve },
        test: { name: "console", include: ["console/test/**/*.test.ts"], environment: "happy-dom" },
      },
      {
        // The documents of the contract, read by the tools that others read them with.
        test: { name: "contract", include: ["contract/test/**/*.test.ts"], environment: "node", testTimeout: 30_000 },
      },
      {
        resolve,
        ssr: { resolve },
        test: {
          name: "e2e",
          include: ["e2e/src/**/*.test.ts"],
          environment: "node",
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
