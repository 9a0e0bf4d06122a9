/**
 * Encryption of a backup with a passphrase: a key by scrypt with a salt of the file's own, and each frame sealed by
 * AES-256-GCM. Its nonce is its number and kind, so that frames cannot be left out, repeated or put in another order,
 * and the header is authenticated with each of them.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { digestOf, type Encryption, type FrameKind } from "./format.ts";

const keyBytes = 32;
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
/** 64 MiB of memory and a fifth of a second for each guess. */
const cost = 16;
const blockSize = 8;
/** Shortest passphrase for a new backup, in characters. */
export const passphraseLengthMin = 8;

/** Seals and opens the frames of one file. */
export interface FrameCipher {
  seal(kind: FrameKind, frameNumber: number, content: Uint8Array): Buffer;
  /** Undefined: it was not sealed like this. */
  open(kind: FrameKind, frameNumber: number, content: Uint8Array): Buffer | undefined;
}

/** How a new file is encrypted. */
export function newEncryption(): Encryption {
  return {
    cipher: "aes-256-gcm",
    derivation: "scrypt",
    salt: randomBytes(saltBytes).toString("base64"),
    cost,
    blockSize,
    parallel: 1,
  };
}

/** Derives the key, which takes a moment on purpose. `headerBytes`: as they are in the file. */
export async function openCipher(
  passphrase: string,
  encryption: Encryption,
  headerBytes: Uint8Array,
): Promise<FrameCipher> {
  const key = await deriveKey(passphrase, encryption);
  const header = digestOf(headerBytes);
  return {
    seal(kind, frameNumber, content) {
      const cipher = createCipheriv("aes-256-gcm", key, nonceOf(kind, frameNumber));
      cipher.setAAD(header);
      return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
    },
    open(kind, frameNumber, content) {
      if (content.length < tagBytes) return undefined;
      const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(kind, frameNumber));
      decipher.setAAD(header);
      decipher.setAuthTag(content.subarray(content.length - tagBytes));
      const plain = decipher.update(content.subarray(0, content.length - tagBytes));
      try {
        return Buffer.concat([plain, decipher.final()]);
      } catch {
        return undefined; // another key, or another content
      }
    },
  };
}

function nonceOf(kind: FrameKind, frameNumber: number): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeUInt8(kind, 0);
  nonce.writeUInt32BE(frameNumber, nonceBytes - 4);
  return nonce;
}

function deriveKey(passphrase: string, encryption: Encryption): Promise<Buffer> {
  const N = 2 ** encryption.cost;
  const { blockSize: r, parallel: p } = encryption;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const maxmem = 128 * N * r + 128 * r * p + 1_048_576;
  const salt = Buffer.from(encryption.salt, "base64");
  scrypt(passphrase.normalize("NFKC"), salt, keyBytes, { N, r, p, maxmem }, (error, key) => {
    if (error === null) resolve(key);
    else reject(error);
  });
  return promise;
}
