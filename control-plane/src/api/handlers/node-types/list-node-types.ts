import type { Routes } from "@fluxo/contracts/http/routes";
import { compareText } from "@fluxo/core/collections";
import { pageOfRows } from "@fluxo/prisma/repositories/page";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { toPage } from "../pages.ts";
import { nodeTypeDescriptions, toNodeTypeAnswer } from "./node-type-descriptions.ts";

const typeToken = z.tuple([z.string()]);

/** GET /v1/node-types */
export const listNodeTypes: Handler<Routes["listNodeTypes"]> = ({ query }) => {
  const after = decodePageToken(query.pageToken, typeToken)?.[0];
  const rows = nodeTypeDescriptions.filter(({ type }) => after === undefined || compareText(type, after) > 0);
  return { status: 200, body: toPage(pageOfRows(rows, query.limit), toNodeTypeAnswer, ({ type }) => [type]) };
};
