/** The URIs of a certificate out of the one line that Node.js makes of all its alternative names. */
const entryPattern = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy;

/**
 * The URIs in what Node.js makes of a certificate's alternative names: `DNS:a, URI:b, URI:"c, d"`, where a value with
 * special characters is a JSON string. Text of another form names nobody.
 */
export function urisOf(subjectAltName: string): readonly string[] {
  const uris: string[] = [];
  let end = 0;
  for (const match of subjectAltName.matchAll(entryPattern)) {
    end = match.index + match[0].length;
    const [, kind, value = ""] = match;
    if (kind === "URI") uris.push(value.startsWith('"') ? unquoted(value) : value);
  }
  return end === subjectAltName.length ? uris : [];
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text; // no JSON: kept as it is, it names nobody
  }
}
