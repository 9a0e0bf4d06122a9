/** Room on a server's disk that an upgrade takes: for the package, for the backup, and for a migration of the store. */

/** Beside the package itself, for what it unpacks to and for everything else on the disk. */
const unpackedShare = 6;
const spareBytes = 67_108_864;
/** What each entry was is kept beside what it becomes. */
const migratingShare = 2;
/** Less is too little for a machine that logs, whatever its store and the package have. */
const roomBytesMin = 536_870_912;

/** For a package of this size, fetched and unpacked beside the versions that are there. */
export function packageRoomBytes(packageBytes: number): number {
  return packageBytes * (1 + unpackedShare) + spareBytes;
}

/** What one server has to have room for. */
export interface RoomFacts {
  /** Of its store on its disk. */
  readonly storeBytes: number;
  readonly packageBytes: number;
  /** Whether the store goes to another schema. */
  readonly isMigrating: boolean;
}

/** For all of the upgrade. Any server may be the manager, which makes the backup: as large as the store at most. */
export function upgradeRoomBytes({ storeBytes, packageBytes, isMigrating }: RoomFacts): number {
  const copies = 1 + (isMigrating ? migratingShare : 0);
  return Math.max(roomBytesMin, packageRoomBytes(packageBytes) + copies * storeBytes);
}
