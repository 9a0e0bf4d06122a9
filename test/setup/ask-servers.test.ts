/** What a machine that joins does where a server is there, and cannot do it now. */
import assert from "node:assert/strict";
import { createServer } from "node:https";
import { type TestContext, test } from "node:test";
import * as z from "zod";
import { post } from "../../src/setup/join/ask-servers.ts";
import { type ErrorCode, problemOf } from "../../src/wire/errors.ts";
import { freePorts } from "../support/free-ports.ts";
import { makeTestCertificates } from "../support/test-certificates.ts";
import { temporaryFolder } from "./support/command.ts";

const answerSchema = z.object({ id: z.string() });

interface Asked {
  readonly ask: () => ReturnType<typeof post<z.infer<typeof answerSchema>>>;
  readonly count: () => number;
}

/** A server that refuses with these codes, one call after the other, and then does what it is asked for. */
async function serverThat(t: TestContext, ...codes: readonly ErrorCode[]): Promise<Asked> {
  const { caPem, certificatePem, keyPem } = makeTestCertificates(temporaryFolder(t));
  let count = 0;
  const server = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    const code = codes[count];
    count += 1;
    request.resume();
    response.statusCode = code === undefined ? 200 : problemOf(code, "").status;
    const body = code === undefined ? { id: "7" } : problemOf(code, `said ${code}`);
    response.end(JSON.stringify(body));
  });
  const [port = 0] = await freePorts(1);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  t.after(() => server.close());
  const servers = { urls: [`https://127.0.0.1:${port}`], authorityPem: caPem };
  return { ask: () => post(servers, "/v1/join", {}, answerSchema), count: () => count };
}

test("a server that cannot answer for a moment is asked again", async (t) => {
  const { ask, count } = await serverThat(t, "unavailable", "outcome-unknown");
  assert.deepEqual(await ask(), { ok: true, value: { id: "7" } });
  assert.equal(count(), 3);
});

for (const code of ["frozen", "conflict"] as const) {
  test(`a server that says ${code} is not asked again`, async (t) => {
    const { ask, count } = await serverThat(t, code);
    const answer = await ask();
    assert.ok(!answer.ok);
    assert.match(answer.error, new RegExp(`said ${code}$`));
    assert.equal(count(), 1);
  });
}
