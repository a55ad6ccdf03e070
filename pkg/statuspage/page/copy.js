// What a person can do, with a button that copies it: the whole command where the
// remedy is one, and the sentence otherwise.

import { attr, el, text, visible } from "./dom.js";
import { said, words } from "./words.js";

// quote makes one word of a shell of s.
const quote = (s) => (/^[\w@%+:,./-]+$/.test(s) ? s : `'${s.replaceAll("'", "'\\''")}'`);

// command is what a remedy asks to be typed, for one lane; empty: it is none.
export function command(remedy, lane, config) {
  const action = /sersync (--[a-z-]+) LANE/.exec(remedy);
  if (action && lane) {
    const name = action[1] === "--resync" ? `--resync=${quote(lane)}` : `${action[1]} ${quote(lane)}`;
    return `sersync ${name}${config ? ` -o ${quote(config)}` : ""}`;
  }
  return /^(chmod|chown|mount|touch) \S+ \//.test(remedy) ? remedy : "";
}

// remedy shows a remedy; setRemedy fills it in.
export function remedy() {
  const line = el("p", "remedy");
  const code = el("code");
  const box = el("div", "do", line, el("div", "command", code, copier(() => box.copies)));
  box.parts = { line, code };
  return box;
}

export function setRemedy(box, sentence, lane, config) {
  box.hidden = !sentence;
  if (!sentence) return;
  const whole = command(sentence, lane, config);
  box.copies = whole || sentence;
  text(box.parts.line, `${words().remedy}: ${visible(said(sentence))}`);
  text(box.parts.code, whole);
  attr(box, "data-command", String(whole !== ""));
}

// byHand shows a command to be run by hand.
export function byHand() {
  const code = el("code");
  const box = el("div", "command", code, copier(() => code.textContent));
  box.parts = { code };
  return box;
}

// copier is a button that copies what get returns.
function copier(get) {
  const b = el("button", "copy");
  b.type = "button";
  const name = () => text(b, words().copy);
  name();
  b.addEventListener("click", async () => {
    const done = await copy(get());
    text(b, done ? words().copied : words().notCopied);
    setTimeout(name, 1500);
  });
  return b;
}

// copy works on a page without TLS, too, where browsers have no clipboard.
async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch { /* the older way */ }
  const area = el("textarea", "unseen");
  area.value = value;
  document.body.append(area);
  area.select();
  let done = false;
  try { done = document.execCommand("copy"); } catch { /* it says no */ }
  area.remove();
  return done;
}
