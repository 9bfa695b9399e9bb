/** Import directions: apps → prisma, nodes → runtime → contracts → core; apps meet in contracts and in prisma, never in each other. */
const apps = "^(control-plane|worker|dispatchers)/";

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "no-orphans", severity: "error", from: { orphan: true, pathNot: ["\\.test\\.ts$", "\\.config\\.ts$", "\\.cjs$", "\\.d\\.ts$", "/src/main\\.ts$"] }, to: {} },
    // k6 scripts run inside of k6, which brings its own modules.
    { name: "unresolved", severity: "error", from: { pathNot: "^test/load/scenarios/" }, to: { couldNotResolve: true } },
    { name: "core-is-pure", severity: "error", from: { path: "^packages/core/src/", pathNot: "\\.test(-support)?\\.ts$" }, to: { pathNot: ["^packages/core/", "^node_modules/(zod|cron-parser|luxon|@types/luxon)/", "^(node:)?(crypto|net)$"] } },
    { name: "contracts-on-core", severity: "error", from: { path: "^packages/contracts/src/", pathNot: "\\.test\\.ts$" }, to: { pathNot: ["^packages/(contracts|core)/", "^node_modules/zod/"] } },
    { name: "runtime-below-product", severity: "error", from: { path: "^packages/runtime/" }, to: { path: "^(packages/nodes|prisma|control-plane|worker|dispatchers)/" } },
    { name: "nodes-by-ports", severity: "error", from: { path: "^packages/nodes/" }, to: { path: "^(packages/runtime|prisma|control-plane|worker|dispatchers)/" } },
    { name: "prisma-below-apps", severity: "error", from: { path: "^prisma/" }, to: { path: [apps, "^packages/nodes/"] } },
    { name: "apps-never-meet", severity: "error", from: { path: "^(control-plane|worker|dispatchers)/" }, to: { path: apps, pathNot: "^$1/" } },
    { name: "api-knows-no-executors", severity: "error", from: { path: "^control-plane/" }, to: { path: "^packages/nodes/src/(registry|[^/]+/executor)" } },
    { name: "roles-never-meet", severity: "error", from: { path: "^control-plane/src/(api|ingress|relay|bootstrap)/" }, to: { path: "^control-plane/src/(api|ingress|relay|bootstrap)/", pathNot: "^control-plane/src/$1/" } },
    { name: "shared-rooms-below-roles", severity: "error", from: { path: "^control-plane/src/(operations|triggers|templates|publishing|rate-limits|usage|provisioning|fast-lane|credentials|keys|live|probe)/", pathNot: ["\\.test\\.ts$", "/testing/"] }, to: { path: "^control-plane/src/(api|ingress|relay)/" } },
    { name: "no-tests-in-product", severity: "error", from: { pathNot: ["^test/", "^scripts/((bench|bench-dispatch|chaos|load)\\.ts$|bench/)", "\\.test(-support)?\\.ts$", "/testing/"] }, to: { path: ["^test/", "/testing/", "\\.test(-support)?\\.ts$"] } },
    { name: "no-scripts-in-product", severity: "error", from: { path: "^(packages|prisma|control-plane|worker)/" }, to: { path: "^scripts/" } },
    { name: "only-declared-packages", severity: "error", from: {}, to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] } },
  ],
  options: {
    doNotFollow: { path: ["node_modules", "prisma/src/generated"] },
    exclude: { path: ["prisma/src/generated"] },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"], extensions: [".ts", ".mjs", ".js", ".cjs", ".json"] },
  },
};
