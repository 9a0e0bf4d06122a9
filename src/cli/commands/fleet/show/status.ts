/** Verbs `status` of the fleet's nouns: with `--watch` they follow first what goes on, then show how it is. */
import * as z from "zod";
import type { ApiResult } from "../../../../client/api-error.ts";
import type { Client } from "../../../../client/client.ts";
import type { DeploymentStatus } from "../../../../wire/fleet/resources.ts";
import { argumentAt } from "../../../command-context.ts";
import { done, failOfApi, type Outcome } from "../../../failure.ts";
import type { Session } from "../../../session.ts";
import { followDeployment } from "./follow.ts";

const flagsSchema = z.object({ watch: z.boolean().default(false) });

/** What differs between the nouns. */
interface StatusParts<T> {
  /** Until it is over, in whatever way. */
  readonly follow: (session: Session, client: Client, name: string) => Promise<Outcome>;
  readonly read: (client: Client, name: string) => Promise<ApiResult<T>>;
  /** What a person sees, with a new line at the end. */
  readonly text: (session: Session, value: T, name: string) => string;
}

/** The command's action; a failure while it is followed is the command's, and what is there is shown all the same. */
export function statusCommand<T>(parts: StatusParts<T>) {
  return async (
    session: Session,
    values: readonly string[],
    options: unknown,
  ): Promise<Outcome> => {
    const name = argumentAt(values, 0);
    const client = await session.client();
    if (!client.ok) return client;
    const { watch } = flagsSchema.parse(options);
    const followed = watch ? await parts.follow(session, client.value, name) : done;
    const answer = await parts.read(client.value, name);
    if (!answer.ok) return followed.ok ? failOfApi(answer.error) : followed;
    session.print(answer.body, () => parts.text(session, answer.value, name));
    return followed;
  };
}

/** `status` of a deployment, and of its rollout: both follow the deployment, and differ in what they show. */
export function deploymentStatusCommand(text: StatusParts<DeploymentStatus>["text"]) {
  return statusCommand<DeploymentStatus>({
    follow: (session, client, name) =>
      followDeployment(session, client, { name, timeoutMs: undefined }),
    read: (client, name) => client.deploymentStatus(name),
    text,
  });
}
