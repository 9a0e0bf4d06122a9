/** Short texts that an authority signs beside certificates, and how who trusts it checks them: ECDSA with SHA-256. */
import { sign, verify } from "node:crypto";
import { err, ok, type Result } from "../../core/result.ts";
import { isOurKind } from "./keys.ts";
import { authoritiesIn, privateKeyIn } from "./pem.ts";

/** The signature in base64. The error never quotes the key. */
export function signStatement(keyPem: string, statement: string): Result<string, string> {
  const key = privateKeyIn(keyPem);
  if (!key.ok) return err(`the authority's key cannot be used: ${key.error}`);
  if (!isOurKind(key.value)) return err("the authority's key is not an ECDSA key on P-256");
  return ok(sign("sha256", Buffer.from(statement), key.value).toString("base64"));
}

/** Whether one of the authorities in the PEM text has signed exactly this statement. */
export function isStatementOf(authorityPem: string, statement: string, signature: string): boolean {
  const authorities = authoritiesIn(authorityPem);
  if (!authorities.ok) return false;
  const text = Buffer.from(statement);
  const bytes = Buffer.from(signature, "base64");
  return authorities.value.some(({ publicKey }) => {
    return isOurKind(publicKey) && verify("sha256", text, publicKey, bytes);
  });
}
