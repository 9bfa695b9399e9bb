import { defineConfig } from "prisma/config";

const url = process.env["DATABASE_URL"];

/** Settings of Prisma's command line. The connection is the owner's and comes from DATABASE_URL; generating the client needs none. */
export default defineConfig({
  schema: "schema.prisma",
  migrations: { path: "migrations" },
  ...(url === undefined ? {} : { datasource: { url } }),
});
