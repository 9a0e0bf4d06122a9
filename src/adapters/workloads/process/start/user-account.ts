/** Looks up the system user that a workload runs as. */
import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { ok, type Result } from "../../../../core/result.ts";

/** A system user, from the machine's user database. */
export interface UserAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** Whether the agent has to change its user to become this one. */
  readonly change: "needed" | "none";
}

const lookupTimeoutMs = 10_000;

/** The user `name`, or the agent's own when there is none given. The error is one sentence. */
export async function findUser(name: string | undefined): Promise<Result<UserAccount, string>> {
  const own = ownAccount();
  if (name === undefined || name === own.name) return ok(own);
  const line = await queryUserDatabase(name);
  const [found, , uid, gid, , home] = line.split(":");
  if (found === undefined || found === "" || uid === undefined || gid === undefined) {
    return { ok: false, error: `user "${name}" does not exist on this node` };
  }
  if (own.uid !== 0) {
    return {
      ok: false,
      error: `user "${name}" needs an agent that runs as root; this one runs as "${own.name}"`,
    };
  }
  const base = { name: found, uid: Number(uid), gid: Number(gid) };
  return ok({ ...base, home: home === undefined || home === "" ? "/" : home, change: "needed" });
}

function ownAccount(): UserAccount {
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  try {
    const info = userInfo();
    return { ...ids, name: info.username, home: info.homedir, change: "none" };
  } catch {
    // The agent's user has no entry in the user database (as in many containers): it still can run things.
    return { ...ids, name: String(ids.uid), home: "/", change: "none" };
  }
}

/** `getent` asks every source that the machine is set up for; an unknown user is an empty answer. */
function queryUserDatabase(name: string): Promise<string> {
  const options = { timeout: lookupTimeoutMs, maxBuffer: 65_536 } as const;
  return new Promise((resolve) => {
    execFile("getent", ["passwd", "--", name], options, (error, stdout) => {
      resolve(error === null ? (stdout.split("\n")[0] ?? "") : "");
    });
  });
}
