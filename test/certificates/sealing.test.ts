/** Secrets that travel to a joining server: only the token opens them, and only unchanged. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openWithToken, sealWithToken } from "../../src/adapters/certificates/sealing.ts";
import { makeAuthority, must, refusal } from "./support/tools.ts";

const secret = "Vx8rP0n2kq3JmZs7Yt5uWb";

test("openWithToken() gives back what sealWithToken() sealed", async () => {
  const { keyPem } = await makeAuthority();
  for (const text of [keyPem, "", "ü 🔒"]) {
    const sealed = sealWithToken(secret, text);
    assert.match(sealed, /^holdfast-sealed-1\.[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.equal(must(openWithToken(secret, sealed)), text);
  }
});

test("sealWithToken() never seals the same text into the same words", () => {
  assert.notEqual(sealWithToken(secret, "key"), sealWithToken(secret, "key"));
  assert.ok(!sealWithToken(secret, "private key").includes("private key"));
});

test("sealWithToken() takes no secret that could be guessed", () => {
  assert.throws(() => sealWithToken("password", "key"), /long and random/);
});

test("openWithToken() refuses another token", () => {
  const sealed = sealWithToken(secret, "key");
  assert.match(refusal(openWithToken(`${secret}x`, sealed)), /another token, or was changed/);
});

test("openWithToken() refuses a text with any one character changed, dropped or added", () => {
  const sealed = sealWithToken(secret, "key");
  for (let at = 0; at < sealed.length; at += 1) {
    const other = sealed[at] === "A" ? "Q" : "A";
    const changed = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`;
    const isSame = Buffer.from(changed.split(".")[3] ?? "", "base64url").equals(
      Buffer.from(sealed.split(".")[3] ?? "", "base64url"),
    );
    // The last character of a field holds bits that mean nothing; a change of those alone changes nothing.
    const isLastOfField = [".", undefined].includes(sealed[at + 1]);
    if (isSame && isLastOfField) continue;
    refusal(openWithToken(secret, changed));
  }
  for (let length = 0; length < sealed.length; length += 1) {
    refusal(openWithToken(secret, sealed.slice(0, length)));
  }
  refusal(openWithToken(secret, `${sealed}.AAAA`));
  refusal(openWithToken(secret, "A".repeat(1_000_000)));
});
