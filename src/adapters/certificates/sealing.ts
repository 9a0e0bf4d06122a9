/**
 * Secrets on their way to a server that joins: sealed with the join token's secret, so that neither the store nor
 * whoever terminates TLS on the way can read them.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { assert } from "../../core/assert.ts";
import { err, ok, type Result } from "../../core/result.ts";

/** Names the way of sealing; a later one gets another number. It is covered by the seal too. */
const version = "holdfast-sealed-1";
const saltBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** Longest sealed text that is opened, in characters. */
const sealedLengthMax = 65_536;
/**
 * Shortest secret that is accepted, in characters. A token's secret is random and not a password: 128 bits cannot be
 * tried out, so that a slow derivation would gain nothing.
 */
const secretLengthMin = 22;

/** Seals a text: `holdfast-sealed-1.<salt>.<nonce>.<ciphertext and tag>`, AES-256-GCM under a key of its own. */
export function sealWithToken(secretText: string, plaintext: string): string {
  assert(secretText.length >= secretLengthMin, "a secret that seals is long and random");
  const salt = randomBytes(saltBytes);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", keyOf(secretText, salt), nonce);
  cipher.setAAD(Buffer.from(version));
  const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  const parts = [salt, nonce, Buffer.concat([sealed, cipher.getAuthTag()])];
  return [version, ...parts.map((part) => part.toString("base64url"))].join(".");
}

/** Opens what `sealWithToken` sealed. The error does not tell a wrong secret from a changed text: nothing can. */
export function openWithToken(secretText: string, sealed: string): Result<string, string> {
  const [kind, ...fields] = sealed.length > sealedLengthMax ? [] : sealed.split(".");
  if (kind !== version) return err(`the sealed text is not of the form ${version}`);
  const [salt, nonce, body] = fields.map((field) => Buffer.from(field, "base64url"));
  if (salt?.length !== saltBytes || nonce?.length !== nonceBytes || body === undefined) {
    return err(`the sealed text is not of the form ${version}`);
  }
  if (body.length < tagBytes || fields.length > 3) return err("the sealed text is cut off");
  try {
    const key = keyOf(secretText, salt);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(version));
    decipher.setAuthTag(body.subarray(-tagBytes));
    const text = [decipher.update(body.subarray(0, -tagBytes)), decipher.final()];
    return ok(Buffer.concat(text).toString("utf8"));
  } catch {
    return err("the sealed text was sealed with another token, or was changed"); // a failed tag
  }
}

function keyOf(secretText: string, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync("sha256", secretText, salt, version, 32));
}
