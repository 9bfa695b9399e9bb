import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { nodeTypeDescriptions, toNodeTypeAnswer } from "./node-type-descriptions.ts";

/** GET /v1/node-types/{type} */
export const getNodeType: Handler<Routes["getNodeType"]> = ({ params }) => {
  const description = nodeTypeDescriptions.find(({ type }) => type === params.type);
  if (description === undefined) throw notFound("node type");
  return { status: 200, body: toNodeTypeAnswer(description) };
};
