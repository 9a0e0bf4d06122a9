/** Users and tokens on a real server, and what the tests ask of them again and again. */
import assert from "node:assert/strict";
import type { Answer, Harness } from "../harness.ts";

/** A password that is long enough. */
export const password = "correct horse";

/** Adds a user with `password`. */
export async function addUser(
  harness: Harness,
  name: string,
  role: string,
  more: object = {},
): Promise<void> {
  const body = { name, role, password, ...more };
  const answer = await harness.call("POST", "/v1/users", { body });
  assert.equal(answer.status, 201, answer.text);
}

/** Logs in; the value is the token. */
export async function logIn(harness: Harness, user: string, given = password): Promise<string> {
  const answer = await tryLogin(harness, user, given);
  assert.equal(answer.status, 201, answer.text);
  return String(answer.json["token"]);
}

export function tryLogin(harness: Harness, user: string, given = password): Promise<Answer> {
  return harness.call("POST", "/v1/login", { token: undefined, body: { user, password: given } });
}

/** The header `Authorization: Basic`. */
export function basic(user: string, given = password): { readonly authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${user}:${given}`).toString("base64")}` };
}

/** Makes a token; the value is the token itself. */
export async function makeToken(
  harness: Harness,
  body: object,
  token: string = harness.adminToken,
): Promise<string> {
  const answer = await harness.call("POST", "/v1/tokens", { token, body });
  assert.equal(answer.status, 201, answer.text);
  return String(answer.json["token"]);
}

/** Routes whose audit is tested on a control plane that was initialised, or with an agent that runs. */
export const auditedElsewhere = [
  "POST /v1/services/{id}/exec",
  "POST /v1/join-tokens",
  "DELETE /v1/join-tokens/{id}",
  "POST /v1/join/node",
  "POST /v1/join/server",
  "DELETE /v1/servers/{id}",
  "PUT /v1/isolation",
  "POST /v1/move-to-etcd",
  "PUT /v1/policies/{name}",
  "DELETE /v1/policies/{name}",
  "POST /v1/upgrade",
  "PUT /v1/upgrade/order",
] as const;
