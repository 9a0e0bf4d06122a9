/** The certificates of this server as they are now; both change while it runs. */
import { inspectCertificate } from "../../adapters/certificates/inspect-certificate.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { PkiDirectory } from "../../ports/certificates.ts";
import type { CertificateSerials } from "../../server/control-plane/control-plane.ts";
import type { TlsCredentials } from "../../server/http/app.ts";
import type { EtcdTls } from "../../stores/etcd/client/tls.ts";

export interface ServerCredentials {
  /** For the API. */
  api(): TlsCredentials;
  /** For the store's members. */
  etcd(): EtcdTls;
  /** Of the certificates of now. The error says that one cannot be read. */
  serials(): Result<CertificateSerials, string>;
  /** Takes what is on the disk now. The error leaves everything as it was. */
  reload(): Promise<Result<void, string>>;
}

/** Reads them; the error says what is missing. */
export async function openCredentials(
  pki: PkiDirectory,
): Promise<Result<ServerCredentials, string>> {
  const first = await readBoth(pki);
  if (!first.ok) return first;
  let current = first.value;
  return ok({
    api: () => current.api,
    etcd: () => current.etcd,
    serials: () => serialsOf(current),
    async reload() {
      const fresh = await readBoth(pki);
      if (fresh.ok) current = fresh.value;
      return fresh.ok ? ok(undefined) : fresh;
    },
  });
}

interface Both {
  readonly api: TlsCredentials;
  readonly etcd: EtcdTls;
}

function serialsOf({ api, etcd }: Both): Result<CertificateSerials, string> {
  const own = inspectCertificate(api.certificatePem);
  if (!own.ok) return own;
  const ofStore = inspectCertificate(etcd.certificatePem);
  if (!ofStore.ok) return ofStore;
  return ok({ certificate: own.value.serial, etcdCertificate: ofStore.value.serial });
}

async function readBoth(pki: PkiDirectory): Promise<Result<Both, string>> {
  const authority = await pki.readTrusted("ca");
  const etcdAuthority = await pki.readTrusted("etcd-ca");
  const own = await pki.readPair("server");
  const etcd = await pki.readPair("etcd");
  for (const read of [authority, etcdAuthority, own, etcd]) if (!read.ok) return read;
  if (!authority.ok || !etcdAuthority.ok || !own.ok || !etcd.ok) return err("unreachable");
  if (
    authority.value === undefined ||
    etcdAuthority.value === undefined ||
    own.value === undefined ||
    etcd.value === undefined
  ) {
    return err("certificates are missing in the folder pki; restore it, or join this server anew");
  }
  return ok({
    api: { ...own.value, authorityPem: authority.value },
    etcd: { ...etcd.value, caPem: etcdAuthority.value },
  });
}
