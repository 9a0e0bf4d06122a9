import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  createFrameReader,
  encodeData,
  encodeFrame,
  payloadBytesMax,
} from "../../src/wire/exec/frames.ts";

test("FrameReader gives the frames that were written, however their bytes are cut", () => {
  const kind = fc.constantFrom("open", "stdin", "stdin-end", "stdout", "stderr", "end", "alive");
  const frame = fc.record({ kind, payload: fc.uint8Array({ maxLength: 300 }) });
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), cuts, (frames, sizes) => {
      const bytes = Buffer.concat(frames.map((each) => encodeFrame(each.kind, each.payload)));
      const reader = createFrameReader();
      const found = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const end = at + (sizes[turn % sizes.length] ?? 1);
        const read = reader.read(bytes.subarray(at, end));
        assert.ok(read.ok);
        found.push(...read.value);
        at = end;
      }
      const plain = (each: { kind: string; payload: Uint8Array }) => [
        each.kind,
        Buffer.from(each.payload).toString("hex"),
      ];
      assert.deepEqual(found.map(plain), frames.map(plain));
    }),
  );
});

test("FrameReader refuses unknown kinds and lengths beyond the bound", () => {
  const cases: readonly (readonly [readonly number[], RegExp])[] = [
    [[0, 0, 0, 0, 0], /unknown kind 0/],
    [[8, 0, 0, 0, 0], /unknown kind 8/],
    [[2, 255, 255, 255, 255], /4294967295 bytes is too long/],
  ];
  for (const [bytes, fault] of cases) {
    const read = createFrameReader().read(Uint8Array.from(bytes));
    assert.match(read.ok ? "" : read.error, fault);
  }
});

test("encodeData() splits what is larger than a frame may be", () => {
  const frames = encodeData("stdout", new Uint8Array(payloadBytesMax + 1));
  assert.deepEqual(
    frames.map(({ length }) => length - 5),
    [payloadBytesMax, 1],
  );
  assert.deepEqual(encodeData("stdout", new Uint8Array()), []);
});
