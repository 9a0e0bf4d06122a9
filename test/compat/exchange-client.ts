/** The calls of the exchange's command line, as it makes them: headers, paths, bodies, and what it does with the answers. */
import { type Answer, type Harness, send } from "../server/harness.ts";

/** Who calls: `<organisation>/<name>` and a password or token. */
export interface Credentials {
  readonly id: string;
  readonly secret: string;
}

export class ExchangeClient {
  readonly #url: string;
  readonly #credentials: Credentials | undefined;
  readonly #organisation: string;

  constructor(harness: Harness, credentials: Credentials | undefined, organisation = "holdfast") {
    this.#url = harness.server.url;
    this.#credentials = credentials;
    this.#organisation = organisation;
  }

  /** It announces JSON with each request, also with those that have no body. */
  call(method: string, path: string, body?: unknown): Promise<Answer> {
    const credentials = this.#credentials;
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
    return send(this.#url, method, `/v1/${path}`, {
      body,
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        "accept-language": "en_US",
        ...(credentials === undefined
          ? {}
          : { authorization: basic(`${credentials.id}:${credentials.secret}`) }),
      },
    });
  }

  #org(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.call(method, `orgs/${this.#organisation}/${path}`, body);
  }

  groups(name?: string): Promise<Answer> {
    return this.#org("GET", name === undefined ? "hagroups" : `hagroups/${name}`);
  }

  postGroup(name: string, body?: unknown): Promise<Answer> {
    return this.#org("POST", `hagroups/${name}`, body);
  }

  putGroup(name: string, body?: unknown): Promise<Answer> {
    return this.#org("PUT", `hagroups/${name}`, body);
  }

  deleteGroup(name: string): Promise<Answer> {
    return this.#org("DELETE", `hagroups/${name}`);
  }

  postMember(group: string, node: string): Promise<Answer> {
    return this.#org("POST", `hagroups/${group}/nodes/${node}`);
  }

  deleteMember(group: string, node: string): Promise<Answer> {
    return this.#org("DELETE", `hagroups/${group}/nodes/${node}`);
  }

  nodes(name?: string): Promise<Answer> {
    return this.#org("GET", name === undefined ? "nodes" : `nodes/${name}`);
  }

  /** `node create`. */
  putNode(name: string, token: string, more: object = {}): Promise<Answer> {
    return this.#org("PUT", `nodes/${name}`, {
      token,
      name,
      nodeType: "device",
      isNamespaceScoped: false,
      pattern: "",
      registeredServices: null,
      msgEndPoint: "",
      softwareVersions: {},
      publicKey: "",
      arch: "amd64",
      userInput: null,
      ...more,
    });
  }

  patchNode(name: string, body: object): Promise<Answer> {
    return this.#org("PATCH", `nodes/${name}`, body);
  }

  deleteNode(name: string): Promise<Answer> {
    return this.#org("DELETE", `nodes/${name}`);
  }

  user(name: string): Promise<Answer> {
    return this.#org("GET", `users/${name}`);
  }

  /** `hagroup add`: POST, and PUT where there is one already. */
  async addGroup(name: string, body: object): Promise<"added" | "updated" | Answer> {
    const made = await this.postGroup(name, body);
    if (made.status === 201) return "added";
    if (made.status !== 409) return made;
    const changed = await this.putGroup(name, body);
    return changed.status === 201 ? "updated" : changed;
  }
}
