"use strict";
(async () => {
  const $ = id => document.getElementById(id);
  $("loading").hidden = false;
  const PAGE = 25, CHUNK = 256;
  const STATES = {f: "flagged", s: "suspected", c: "clean", n: "not checkable", ".": "not judged"};
  const EXPLAINED = Object.fromEntries([...document.querySelectorAll("#glossary dt")].map(t => [t.textContent, t.nextElementSibling.textContent]));
  const MARKS = {c: "confirmed", r: "rejected", n: "note", ".": ""};

  // All data of the audit is put onto the page by this function, as text.
  function el(tag, attrs, ...children) {
    const e = document.createElement(tag);
    for (const k in attrs || {}) if (attrs[k] !== undefined) e.setAttribute(k, attrs[k]);
    for (const c of children) if (c !== null && c !== undefined && c !== "") e.append(c);
    return e;
  }
  // A name that may break after each / _ and -.
  const name = s => s.split(/(?<=[\/_-])/).flatMap(p => [p, el("wbr")]).slice(0, -1);
  const num = n => n.toLocaleString("en-US");
  const unit = (n, what) => num(n) + " " + what + (n === 1 ? "" : "s");

  async function unpack(id) {
    const text = $(id).textContent;
    let bytes;
    if (Uint8Array.fromBase64) bytes = Uint8Array.fromBase64(text);
    else {
      const s = atob(text);
      bytes = new Uint8Array(s.length);
      for (let i = 0; i < s.length; i++) bytes[i] = s.charCodeAt(i);
    }
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  const kept = new Map(); // the last decoded chunks
  async function line(kind, at) {
    if (at < 0) return null;
    const id = kind + Math.floor(at / CHUNK);
    if (!kept.has(id)) {
      if (kept.size > 24) kept.delete(kept.keys().next().value);
      kept.set(id, unpack(id).then(t => t.split("\n")));
    }
    return JSON.parse((await kept.get(id))[at % CHUNK]);
  }

  const d = JSON.parse(await unpack("columns"));
  for (const k of ["id", "snippet", "begins", "document", "bench", "subject", "words", "longest", "matched", "documents", "shard", "seen", "kind", "v", "e", "t"]) d[k] = d[k] || [];
  const n = d.id.length;
  const haystack = new Array(n);
  const place = i => [...new Set([d.benches[d.bench[i]], d.subjects[d.subject[i]]]), d.id[i]].join("/");
  const hay = i => haystack[i] === undefined ? haystack[i] = (place(i) + "\n" + d.snippet[i] + "\n" + d.begins[i] + "\n" + d.document[i] + "\n" + (d.shards[d.shard[i]] || "")).toLowerCase() : haystack[i];
  const pause = () => new Promise(r => setTimeout(r, 0));
  // The texts to search are prepared in the background: first the columns of the list, then
  // the items' whole texts.
  async function prepare() {
    for (let i = 0; i < n; i++) {
      hay(i);
      if (i % 4000 === 0) await pause();
    }
    const at = new Map();
    for (let i = 0; i < n; i++) if (d.t[i] >= 0) at.set(d.t[i], i);
    for (let c = 0; $("t" + c); c++) {
      await pause();
      (await unpack("t" + c)).split("\n").forEach((l, k) => {
        const i = at.get(c * CHUNK + k);
        if (l && i !== undefined) haystack[i] += "\n" + JSON.parse(l).parts.map(p => p.t).join("\n").toLowerCase();
      });
    }
    document.body.dataset.searchable = "true";
    if ($("q").value !== "") filter();
  }

  // Filters.
  function options(id, list, all) {
    const s = $(id);
    s.append(el("option", {value: ""}, all));
    for (const [value, name] of list) s.append(el("option", {value}, name));
    if (list.length < 2) s.closest("label").hidden = true;
  }
  const numbered = list => list.map((name, i) => [i, name]).filter(x => x[1] !== "");
  const have = s => [...new Set(s)];
  options("f-bench", numbered(d.benches), "all");
  options("f-subject", numbered(d.subjects).sort((a, b) => a[1] < b[1] ? -1 : 1), "all");
  options("f-method", numbered(d.methods), "any");
  options("f-state", have(d.state).sort((a, b) => "fscn.".indexOf(a) - "fscn.".indexOf(b)).map(s => [s, STATES[s]]), "all");
  options("f-seen", [...numbered(d.seenNames), [0, "nothing"]].filter(x => d.seen.includes(x[0])), "any");
  options("f-kind", numbered(d.kindNames), "any");
  const marks = have(d.mark);
  options("f-mark", marks.length > 1 ? marks.map(m => [m, MARKS[m] || "not reviewed"]) : [], "all");
  const SORTS = {
    longest: ["longest match", (a, b) => d.longest[b] - d.longest[a]],
    documents: ["documents", (a, b) => d.documents[b] - d.documents[a]],
    share: ["share of " + d.unit + "s found", (a, b) => d.matched[b] / (d.words[b] || 1) - d.matched[a] / (d.words[a] || 1)],
    order: ["benchmark and item", () => 0],
  };
  for (const k in SORTS) $("sort").append(el("option", {value: k}, SORTS[k][0]));

  // What was found first, then what is to be reviewed.
  const review = d.kindNames.indexOf("reworded");
  const toReview = i => review > 0 && d.kind[i] === review && d.state[i] === "c";
  const rank = i => toReview(i) ? 1 : {f: 0, s: 0, c: 2, n: 3, ".": 4}[d.state[i]];
  const orders = {};
  function order(by) {
    if (!orders[by]) {
      const o = Uint32Array.from({length: n}, (_, i) => i);
      const f = SORTS[by][1];
      if (by !== "order") o.sort((a, b) => rank(a) - rank(b) || f(a, b) || a - b);
      orders[by] = o;
    }
    return orders[by];
  }
  let shown = [], page = 0, current = -1;

  function filter() {
    const began = performance.now();
    const value = id => $(id).value;
    const words = value("q").toLowerCase().split(/\s+/).filter(Boolean);
    const bench = value("f-bench"), subject = value("f-subject"), method = value("f-method"), state = value("f-state");
    const seen = value("f-seen"), kind = value("f-kind"), mark = value("f-mark");
    const min = value("f-min") === "" ? 0 : +value("f-min"), max = value("f-max") === "" ? Infinity : +value("f-max");
    const states = method === "" ? d.state : d.states[+method];
    shown = [];
    next: for (const i of order(value("sort"))) {
      if (bench !== "" && d.bench[i] !== +bench) continue;
      if (subject !== "" && d.subject[i] !== +subject) continue;
      if (method !== "" && state === "" && states[i] !== "f" && states[i] !== "s") continue;
      if (state !== "" && states[i] !== state) continue;
      if (seen !== "" && d.seen[i] !== +seen) continue;
      if (kind !== "" && d.kind[i] !== +kind) continue;
      if (mark !== "" && d.mark[i] !== mark) continue;
      if (d.longest[i] < min || d.longest[i] > max) continue;
      for (const w of words) if (!hay(i).includes(w)) continue next;
      shown.push(i);
    }
    page = 0;
    list();
    document.body.dataset.filterMs = (performance.now() - began).toFixed(1);
  }

  function list() {
    const from = page * PAGE, rows = shown.slice(from, from + PAGE);
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    $("rows").replaceChildren(...rows.map(i => {
      const pick = el("button", {type: "button", class: "pick", "data-item": i}, ...name(place(i)));
      return el("tr", {"aria-current": i === current ? "true" : undefined},
        el("td", {}, pick, el("span", {class: "snippet"}, d.snippet[i] || "")),
        el("td", {}, el("span", {class: "state " + d.state[i]}, STATES[d.state[i]]), d.mark[i] !== "." ? el("span", {class: "mark"}, MARKS[d.mark[i]]) : toReview(i) ? el("span", {class: "mark"}, "to review") : null),
        el("td", {class: "num"}, num(d.longest[i])), el("td", {class: "num"}, num(d.documents[i])));
    }));
    $("count").textContent = shown.length === n ? unit(n, "item") : num(shown.length) + " of " + unit(n, "item");
    $("where").textContent = "Page " + num(page + 1) + " of " + num(pages);
    $("prev").disabled = page === 0;
    $("next").disabled = page >= pages - 1;
  }

  function turn(by) {
    const pages = Math.ceil(shown.length / PAGE);
    if (page + by < 0 || page + by >= pages) return false;
    page += by;
    list();
    return true;
  }

  // One item: its text beside the documents, matches marked in both in one colour.
  function marked(text, spans) {
    const out = el("p", {class: "part", dir: "auto"});
    let at = 0;
    for (const [start, end, k, differs] of spans.sort((a, b) => a[0] - b[0] || b[1] - a[1])) {
      if (end <= at) continue;
      const from = Math.max(at, start);
      out.append(text.slice(at, from), el("mark", {class: differs ? "d" : "m" + k % 6}, text.slice(from, end)));
      at = end;
    }
    out.append(text.slice(at));
    return out;
  }
  // The words of a document that match, or the terms of them that the item has, with the words around.
  function excerpt(q, k, terms) {
    const out = el("p", {class: "doc", dir: "auto"}, q.a);
    if (terms) out.append(...marked(q.m, terms.map(t => [t[0], t[1], k, t[2]])).childNodes);
    else out.append(el("mark", {class: "m" + k % 6}, q.m));
    out.append(q.z);
    return out;
  }
  let asked = 0;
  async function show(i, focus) {
    const mine = ++asked;
    current = i;
    for (const tr of $("rows").children) {
      if (tr.querySelector(".pick").dataset.item === String(i)) tr.setAttribute("aria-current", "true");
      else tr.removeAttribute("aria-current");
    }
    const [verdicts, proof, text] = await Promise.all([line("v", d.v[i]), line("e", d.e[i]), line("t", d.t[i])]);
    if (mine !== asked) return; // another item was selected meanwhile
    const parts = [el("h3", {}, ...name(place(i)))];
    const facts = [unit(d.words[i], d.unit), d.longest[i] ? "longest match " + unit(d.longest[i], d.unit) : toReview(i) ? "in other words" : "no match", "in " + unit(d.documents[i], "document")];
    if (d.seenNames[d.seen[i]]) facts.push("seen: " + d.seenNames[d.seen[i]]);
    if (d.kindNames[d.kind[i]]) facts.push(d.kindNames[d.kind[i]]);
    parts.push(el("p", {class: "where"}, el("span", {class: "state " + d.state[i]}, STATES[d.state[i]]), " · " + facts.join(" · ") + " · ", el("a", {href: address(i), "aria-label": "Link to " + place(i)}, "link")));
    if (EXPLAINED[d.kindNames[d.kind[i]]]) parts.push(el("p", {class: "where"}, d.kindNames[d.kind[i]] + ": " + EXPLAINED[d.kindNames[d.kind[i]]]));
    if (d.mark[i] !== ".") parts.push(el("p", {class: "notice"}, "Reviewed: " + MARKS[d.mark[i]] + (d.notes[i] ? ". " + d.notes[i] : "")));
    const quotes = proof ? proof.q : [];
    // The matches of one document at a time are marked in the item.
    const sources = new Map();
    quotes.forEach((q, k) => {
      const key = q.s + ":" + q.r;
      if (!sources.has(key)) sources.set(key, []);
      sources.get(key).push(k);
    });
    const left = el("div", {}), right = el("div", {}, el("h4", {}, "In the corpus"));
    function side(chosen) {
      left.replaceChildren(el("h4", {}, "Item"));
      if (text) {
        text.parts.forEach((p, k) => left.append(el("p", {class: "where"}, p.p),
          marked(p.t, [...text.marks, ...(text.words || [])].filter(m => m[1] === k && chosen.includes(m[0])).map(m => [m[2], m[3], chosen.indexOf(m[0]), m[4]]))));
      } else if (quotes.length) {
        left.append(el("p", {class: "where"}, "The item's own text is not in this file. These words of it match:"));
        chosen.forEach((k, c) => left.append(el("p", {class: "where"}, quotes[k].p), el("p", {class: "part", dir: "auto"}, el("mark", {class: "m" + c % 6}, quotes[k].m))));
      } else left.append(el("p", {class: "where"}, "The item's own text is not in this file."));
    }
    const buttons = [];
    for (const ks of sources.values()) {
      const q = quotes[ks[0]];
      const head = el("p", {class: "source"}, el("b", {}, ...name(q.i)));
      if (sources.size > 1) {
        const b = el("button", {type: "button", "aria-pressed": "false", "aria-label": "mark in item the words of " + q.i}, "mark in item");
        b.addEventListener("click", () => { for (const o of buttons) o.setAttribute("aria-pressed", String(o === b)); side(ks); });
        buttons.push(b);
        head.append(" ", b);
      }
      const at = documentAt(q.s, q.r);
      if (at >= 0) head.append(" ", documentLink(at, d.corpus.items[at].length > 1 ? "all " + num(d.corpus.items[at].length) + " items of this document" : "this document"));
      right.append(head, el("p", {class: "where"}, ...name(d.shards[q.s]), ", row " + num(q.r) + "; up to " + unit(q.w, q.u)));
      ks.forEach((k, c) => right.append(excerpt(quotes[k], c, text && text.terms ? text.terms[k] : null)));
      if (text && text.terms && ks.some(k => text.terms[k])) right.append(el("p", {class: "where"}, "Marked in both: terms and numbers that they share; with a dashed line: numbers that the other does not have."));
    }
    if (buttons.length) buttons[0].setAttribute("aria-pressed", "true");
    side(sources.size ? sources.values().next().value : []);
    if (!quotes.length) right.append(el("p", {class: "where"}, d.longest[i] ? "Its evidence is not in this file; it is in evidence.parquet." : "No match was found."));
    if (proof && proof.more > 0) right.append(el("p", {class: "where"}, "and " + num(proof.more) + " more in evidence.parquet"));
    parts.push(el("div", {class: "pair"}, left, right));
    if (verdicts) {
      const chance = verdicts.some(v => v[8] !== null), template = verdicts.some(v => v[10]), seen = verdicts.some(v => v[11]);
      const head = ["Method", "State", "Score", "Longest", "Found", "Length", "Docs", "Parts found"];
      if (seen) head.push("Seen");
      if (chance) head.push("Chance");
      if (template) head.push("Template");
      // The unit is shown for methods that count characters.
      const long = (v, n) => v[12] === "word" ? num(n) : unit(n, "char");
      const text = x => x === null || x === undefined ? "-" : typeof x === "number" ? String(+x.toPrecision(3)) : x;
      parts.push(el("h4", {}, "Verdicts by method"), el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Verdicts by method"},
        el("table", {class: "numbers"}, el("thead", {}, el("tr", {}, ...head.map((h, k) => el("th", {scope: "col", class: k > 1 && k !== 7 && h !== "Seen" ? "num" : ""}, h)))),
          el("tbody", {}, ...verdicts.map(v => el("tr", {}, el("th", {scope: "row"}, d.methods[v[0]]), el("td", {}, STATES[v[1]] + (v[9] ? ", " + v[9] : "")),
            el("td", {class: "num"}, text(v[2])), el("td", {class: "num"}, long(v, v[3])), el("td", {class: "num"}, long(v, v[5])), el("td", {class: "num"}, long(v, v[4])),
            el("td", {class: "num"}, num(v[6])), el("td", {}, v[7] || "-"), ...(seen ? [el("td", {}, v[11] || "-")] : []), ...(chance ? [el("td", {class: "num"}, text(v[8]))] : []), ...(template ? [el("td", {class: "num"}, text(v[10]))] : [])))))));
    }
    open(parts, focus ? address(i) : "");
  }
  // One document: all items of the page that have evidence in it, those found first, in the order of their places.
  const SHOWN = 100; // items of a document, each with its words
  let documents = null;
  function documentAt(shard, row) {
    if (!documents) documents = new Map(d.corpus.shard.map((s, i) => [s + ":" + d.corpus.row[i], i]));
    const at = documents.get(shard + ":" + row);
    return at === undefined ? -1 : at;
  }
  function documentLink(at, text) {
    const a = el("a", {href: documentAddress(at)}, text);
    a.addEventListener("click", e => { e.preventDefault(); showDocument(at); });
    return a;
  }
  async function showDocument(at) {
    const mine = ++asked, {shard, row, id, items} = d.corpus, held = [...items[at]].sort((a, b) => rank(a) - rank(b)).slice(0, SHOWN);
    const proofs = await Promise.all(held.map(i => line("e", d.e[i])));
    if (mine !== asked) return;
    const places = held.map((i, k) => ({i, quotes: proofs[k] ? proofs[k].q.filter(q => q.s === shard[at] && q.r === row[at]) : []}));
    const first = p => p.quotes.length ? Math.min(...p.quotes.map(q => q.o)) : Infinity;
    places.sort((a, b) => rank(a.i) - rank(b.i) || (first(a) === first(b) ? a.i - b.i : first(a) - first(b)));
    const parts = [el("h3", {}, ...name(id[at] || "A document without an id")),
      el("p", {class: "where"}, ...name(d.shards[shard[at]]), ", row " + num(row[at]) + " · " + unit(items[at].length, "item") + " of this page · ",
        el("a", {href: documentAddress(at), "aria-label": "Link to this document"}, "link"))];
    places.forEach((p, k) => {
      const pick = el("a", {href: address(p.i)}, ...name(place(p.i)));
      pick.addEventListener("click", e => { e.preventDefault(); show(p.i, true); });
      parts.push(el("h4", {}, pick), el("p", {class: "where"}, el("span", {class: "state " + d.state[p.i]}, STATES[d.state[p.i]]), d.kindNames[d.kind[p.i]] ? " · " + d.kindNames[d.kind[p.i]] : ""));
      for (const q of p.quotes) parts.push(excerpt(q, k));
      if (!p.quotes.length) parts.push(el("p", {class: "where"}, "Its words in this document are in evidence.parquet."));
    });
    if (items[at].length > SHOWN) parts.push(el("p", {class: "where"}, "and " + num(items[at].length - SHOWN) + " more in evidence.parquet"));
    open(parts, documentAddress(at));
  }
  // Puts what was asked for into the panel, with an address to send around.
  function open(parts, at) {
    const box = $("item");
    box.replaceChildren(...parts);
    box.scrollTop = 0;
    if (!at) return;
    history.replaceState(null, "", at);
    box.focus({preventScroll: true});
    if (innerWidth <= 900) box.scrollIntoView();
  }
  const documentAddress = at => "#document=" + d.corpus.row[at] + ":" + encodeURIComponent(d.shards[d.corpus.shard[at]]);

  // The address of an item, and the item that the page's address names.
  const address = i => "#item=" + encodeURIComponent(place(i));
  const decoded = s => { try { return decodeURIComponent(s); } catch { return ""; } };
  function addressed() {
    if (!location.hash.startsWith("#item=")) return -1;
    const want = decoded(location.hash.slice(6));
    for (let i = 0; i < n; i++) if (place(i) === want) return i;
    return -1;
  }
  function follow() {
    if (location.hash.startsWith("#document=")) {
      const [row, shard] = location.hash.slice(10).split(/:(.*)/s), at = documentAt(d.shards.indexOf(decoded(shard || "")), +row);
      if (at >= 0) { showDocument(at); $("item").scrollIntoView({block: "center"}); }
      return at >= 0;
    }
    const i = addressed();
    if (i < 0) return false;
    const at = shown.indexOf(i);
    if (at >= 0) { page = Math.floor(at / PAGE); list(); }
    show(i, true);
    $("item").scrollIntoView({block: "center"});
    return true;
  }
  function step(by) {
    if (!shown.length) return;
    let at = shown.indexOf(current);
    at = at < 0 ? page * PAGE : Math.min(Math.max(at + by, 0), shown.length - 1);
    if (Math.floor(at / PAGE) !== page) { page = Math.floor(at / PAGE); list(); }
    show(shown[at]);
    const pick = $("rows").children[at % PAGE].querySelector(".pick");
    pick.focus({preventScroll: true});
    pick.scrollIntoView({block: "nearest"});
  }

  let timer = 0;
  $("filters").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 60); });
  $("filters").addEventListener("reset", () => setTimeout(filter, 0));
  $("filters").addEventListener("submit", e => { e.preventDefault(); filter(); });
  $("rows").addEventListener("click", e => { const b = e.target.closest("tr"); if (b) show(+b.querySelector(".pick").dataset.item, true); });
  $("prev").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  addEventListener("hashchange", follow);
  for (const a of document.querySelectorAll("a[data-bench]")) a.addEventListener("click", () => {
    $("filters").reset();
    $("f-bench").value = String(d.benches.indexOf(a.dataset.bench));
    if (a.dataset.shard) $("q").value = a.dataset.shard;
    filter();
    if (shown.length) show(shown[0]);
  });
  for (const a of document.querySelectorAll("a[data-document]")) a.addEventListener("click", () => showDocument(+a.dataset.document));
  document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName);
    if (e.key === "Escape" && typing) { e.target.blur(); return; }
    if (typing) return;
    if (e.key === "/") { e.preventDefault(); $("q").focus(); $("q").scrollIntoView({block: "center"}); }
    else if (e.key === "j") step(1);
    else if (e.key === "k") step(-1);
    else if (e.key === "]") turn(1);
    else if (e.key === "[") turn(-1);
  });

  filter();
  $("loading").remove();
  $("browser").hidden = false;
  if (!follow() && shown.length) await show(shown[0]);
  prepare();
  document.body.dataset.ready = performance.now().toFixed(0); // milliseconds since the page was requested
})().catch(e => { document.getElementById("loading").textContent = "The list could not be read: " + e.message; throw e; });
