/** The programs that a member is run with; where one is missing a person hears which package has it. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

const packages = { etcd: "etcd-server", setpriv: "util-linux" } as const;

/** What is missing, with what to do about it; undefined: nothing. `program`: in etcd's place. */
export async function missingForMember(program = "etcd"): Promise<string | undefined> {
  if (!(await isExecutable(program))) return wordsOf(program, packages.etcd);
  if (!(await isExecutable("setpriv"))) return wordsOf("setpriv", packages.setpriv);
  return undefined;
}

function wordsOf(program: string, packageName: string): string {
  return `the program "${program}" is not installed; on Debian: apt-get install ${packageName}`;
}

async function isExecutable(program: string): Promise<boolean> {
  const folders = program.includes("/") ? [""] : (process.env["PATH"] ?? "").split(delimiter);
  for (const folder of folders) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
