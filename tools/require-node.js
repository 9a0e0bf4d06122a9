/**
 * Says in one line that this Node.js is too old to build or run Holdfast, instead of a syntax error later. Plain
 * JavaScript, because the Node.js that has to be told cannot read TypeScript.
 */
const majorMin = 24;
const major = Number.parseInt(process.versions.node, 10);

if (major < majorMin) {
  process.stderr.write(
    `holdfast: Node.js ${majorMin} is needed and this is ${process.versions.node}; npm brings it for Linux on x64 and arm64, on ${process.platform} ${process.arch} install it yourself\n`,
  );
  process.exitCode = 1;
}
