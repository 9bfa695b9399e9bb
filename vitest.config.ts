import { defineConfig } from "vitest/config";

/** `unit` needs nothing but Node; `store` and `e2e` run against real PostgreSQL, Redis and Inngest that their global setup starts. */
export default defineConfig({
  test: {
    // What happens in milliseconds may take a busy machine seconds: a poll ends when it is so, and fails only when it never is. So do the time-outs of tests.
    expect: { poll: { timeout: 30_000, interval: 25 } },
    projects: [
      { extends: true, test: { name: "unit", include: ["{packages/*,prisma,control-plane,worker,dispatchers}/src/**/*.test.ts", "{scripts,test/support,test/docs,test/load,test/bench}/**/*.test.ts"], exclude: ["**/*.store.test.ts", "**/node_modules/**"], testTimeout: 120_000 } },
      {
        extends: true,
        test: {
          name: "store",
          include: ["{prisma,control-plane,worker,dispatchers}/src/**/*.store.test.ts", "packages/*/src/**/*.store.test.ts", "test/chaos/**/*.store.test.ts"],
          globalSetup: ["test/support/stores-setup.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/support/system-setup.ts"],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
