// An event stream as it comes: {name, data} for each event, its data read from JSON. EventSource can neither POST nor
// send a key. The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

const BETWEEN = /\r\n\r\n|\n\n|\r\r/;

export async function* events(body) {
  const reader = body.getReader(); // through a TextDecoderStream, what came just before an error would be lost with it
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return; // what is left without its blank line is half an event: it does not count
      const blocks = (rest + decoder.decode(value, { stream: true })).split(BETWEEN);
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // of a stream that failed or was aborted already there is nothing to cancel
  }
}

function parsed(block) {
  let name = "message";
  const data = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [field, value] = divided(line);
    if (field === "event") name = value;
    if (field === "data") data.push(value);
  }
  return data.length ? { name, data: JSON.parse(data.join("\n")) } : null;
}

function divided(line) {
  const colon = line.indexOf(":");
  return colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
}
