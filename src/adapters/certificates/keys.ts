/** Private keys: ECDSA on P-256 everywhere, which every TLS library of ours and of etcd knows, and is fast. */
import { createPublicKey, generateKeyPair, type KeyObject, type webcrypto } from "node:crypto";
import { promisify } from "node:util";

/** The one kind of key and signature, in the words of WebCrypto. */
export const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Makes a private key. */
export async function createKey(): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  return privateKey;
}

/** Whether it is a key of ours: nothing else is signed, and nothing else signs. */
export function isOurKind(key: KeyObject): boolean {
  return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
}

/** Both halves of a private key, as the certificate library wants them. */
export function keyPairOf(key: KeyObject): webcrypto.CryptoKeyPair {
  const { hash: _, ...kind } = signingAlgorithm;
  return {
    privateKey: key.toCryptoKey(kind, false, ["sign"]),
    publicKey: createPublicKey(key).toCryptoKey(kind, true, ["verify"]),
  };
}
