// Building and updating the document. Text goes in as text nodes only, so a
// file name can never become markup.

const svgSpace = "http://www.w3.org/2000/svg";

export function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

export function svg(tag, attributes, ...children) {
  const e = document.createElementNS(svgSpace, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

// text sets the text of e, and leaves the document alone when it is the same:
// a selection or a screen reader must not be disturbed every second.
export function text(e, value) {
  if (e.textContent !== value) e.textContent = value;
}

export function attr(e, name, value) {
  if (e.getAttribute(name) !== value) e.setAttribute(name, value);
}

// keyed makes the children of parent match list: one child per key, made once
// by make and brought up to date by update.
export function keyed(parent, list, key, make, update) {
  const old = new Map();
  for (const c of parent.children) old.set(c.dataset.key, c);
  let at = parent.firstElementChild;
  for (const item of list) {
    const k = key(item);
    let c = old.get(k);
    if (c) {
      old.delete(k);
    } else {
      c = make(item);
      c.dataset.key = k;
    }
    if (c === at) at = at.nextElementSibling;
    else parent.insertBefore(c, at);
    update(c, item);
  }
  for (const c of old.values()) c.remove();
}

const hex = (n, width) => n.toString(16).padStart(width, "0");

// visible shows what a reader must see of a name: control, format and line
// characters as escapes, and bytes that are no UTF-8 as \xNN.
export function visible(name, base64) {
  if (base64) return visibleBytes(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\\]/gu, escape);
}

function escape(c) {
  switch (c) {
    case "\n": return "\\n";
    case "\r": return "\\r";
    case "\t": return "\\t";
    case "\\": return "\\\\";
  }
  const code = c.codePointAt(0);
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

// inAddress is a name as a part of an address, byte by byte where it is no UTF-8.
export const inAddress = (name, base64) => (base64 ? Array.from(atob(base64), (c) => `%${hex(c.charCodeAt(0), 2)}`).join("") : encodeURIComponent(name));

function visibleBytes(bytes) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let out = "";
  for (let i = 0; i < bytes.length;) {
    const b = bytes[i];
    const n = b < 0x80 ? 1 : b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
    try {
      out += visible(decoder.decode(bytes.subarray(i, i + n)));
      i += n;
    } catch {
      out += `\\x${hex(b, 2)}`;
      i++;
    }
  }
  return out;
}
