"use strict";
// Shows the documents of a page: a list of triples or documents, filtered, of which only the rows in sight exist;
// and the document of the chosen row. All text is set by textContent.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const [ID, LANG, RTL, TEXT, MENTIONS, RELATIONS] = [0, 1, 2, 3, 4, 5];
  const [HEAD, LABEL, TAIL, SCORE, START, END, KNOWN, KB, RANK, VERDICT, OTHER, WHY] = [...Array(12).keys()];
  const ROW = 46, SPARE = 8, MOST = 500;
  const triples = data.docs.flatMap((doc, d) => doc[RELATIONS].map((_, r) => [d, r]));
  const documents = data.docs.map((_, d) => [d, -1]);
  let rows = [], lower = null, cell = null;

  function make(tag, kind, text) {
    const node = document.createElement(tag);
    if (kind) node.className = kind;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  // Filters

  function fill(id, names, counts) {
    const select = at(id);
    if (!select) return;
    names.map((name, i) => [name, i]).filter(([name, i]) => counts[i] && (name || id !== "why")).sort((a, b) => counts[b[1]] - counts[a[1]])
      .forEach(([name, i]) => {
        const option = make("option", "", `${name || "unknown"} (${counts[i]})`);
        option.value = i;
        select.append(option);
      });
  }

  function tally(values, length) {
    const counts = Array(length).fill(0);
    for (const value of values) if (value >= 0) counts[value] += 1;
    return counts;
  }

  const relation = ([d, r]) => data.docs[d][RELATIONS][r];
  const column = (name) => triples.map((row) => relation(row)[name] ?? -1);

  function wanted() {
    const chosen = (id) => (at(id) && at(id).value !== "" ? Number(at(id).value) : null);
    const tests = [[LABEL, chosen("label")], [VERDICT, chosen("verdict")], [WHY, chosen("why")], [KNOWN, chosen("known")]]
      .filter(([, value]) => value !== null);
    const least = Number(at("score").value), lang = chosen("lang");
    const words = at("text").value.trim().toLowerCase();
    if (words && !lower) lower = data.docs.map((doc) => `${doc[ID]}\n${doc[TEXT]}`.toLowerCase());
    const narrow = tests.length > 0 || least > 0 || cell;
    const fits = (each) => each[SCORE] >= least && tests.every(([name, value]) => each[name] === value)
      && (!cell || (gold(each) === cell[0] && predicted(each) === cell[1] && !isEcho(each)));
    const inDoc = (d) => (lang === null || data.docs[d][LANG] === lang) && (!words || lower[d].includes(words));
    if (at("view").value === "triples") return triples.filter((row) => inDoc(row[0]) && fits(relation(row)));
    return documents.filter(([d]) => inDoc(d) && (!narrow || data.docs[d][RELATIONS].some(fits)));
  }

  function refresh() {
    at("least").textContent = Number(at("score").value).toFixed(2);
    rows = wanted();
    at("count").textContent = `${rows.length.toLocaleString("en")} ${at("view").selectedOptions[0].text.toLowerCase()}`;
    at("space").style.height = `${rows.length * ROW}px`;
    at("list").scrollTop = 0;
    draw();
  }

  // The list

  function chip(doc, place) {
    const [start, end, type] = doc[MENTIONS][place];
    const node = make("bdi", `relx-chip relx-c${data.slots[type]}`, doc[TEXT].slice(start, end));
    node.title = data.types[type];
    return node;
  }

  function row([d, r], i) {
    const doc = data.docs[d], link = make("a", "relx-row");
    link.href = r < 0 ? `#${d}` : `#${d}.${r}`;
    link.style.top = `${i * ROW}px`;
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    if (r < 0) {
      link.append(make("bdi", "relx-id", doc[ID]), make("bdi", "relx-some", doc[TEXT].slice(0, 160)));
      link.append(make("span", "relx-n", String(doc[RELATIONS].length)));
    } else {
      const each = relation([d, r]);
      if (data.verdicts.length) link.append(verdict(each));
      link.append(chip(doc, each[HEAD]), make("bdi", "relx-label", data.labels[each[LABEL]]), chip(doc, each[TAIL]));
      link.append(make("span", "relx-n", isMissed(each) ? "gold" : each[SCORE].toFixed(2)));
    }
    return link;
  }

  function draw() {
    const list = at("list"), first = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
    const last = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE);
    at("space").replaceChildren(...rows.slice(first, last).map((each, i) => row(each, first + i)));
  }

  // One document

  function verdict(each) {
    const name = data.verdicts[each[VERDICT]];
    return make("span", `relx-verdict relx-${name}`, name);
  }

  function parts(doc, chosen) {
    const mentions = doc[MENTIONS], text = doc[TEXT];
    const stops = new Set([0, text.length, ...mentions.flatMap(([start, end]) => [start, end])]);
    if (chosen) stops.add(chosen[START]).add(chosen[END]);
    const order = [...stops].sort((a, b) => a - b);
    const starting = new Map(), ends = new Map();
    const put = (map, place, i) => map.set(place, [...(map.get(place) || []), i]);
    mentions.forEach(([start, end], i) => { put(starting, start, i); put(ends, end, i); });
    const size = (i) => mentions[i][1] - mentions[i][0];
    const found = [];
    let open = [];
    for (let k = 0; k + 1 < order.length; k += 1) {
      const start = order[k], end = order[k + 1];
      open = open.filter((i) => mentions[i][1] > start).concat(starting.get(start) || []);
      const inner = open.reduce((best, i) => (best === null || size(i) < size(best) ? i : best), null);
      const node = make(inner === null ? "span" : "mark", inner === null ? "" : `relx-c${data.slots[mentions[inner][2]]}`);
      node.textContent = text.slice(start, end);
      if (chosen) {
        if (open.includes(chosen[HEAD])) node.classList.add("relx-is-head");
        if (open.includes(chosen[TAIL])) node.classList.add("relx-is-tail");
        if (start >= chosen[START] && end <= chosen[END]) node.classList.add("relx-evidence");
      }
      found.push(node);
      for (const i of (ends.get(end) || []).sort((a, b) => size(a) - size(b))) {
        const type = make("span", `relx-type relx-c${data.slots[mentions[i][2]]}`, data.types[mentions[i][2]]);
        if (data.types[mentions[i][2]]) found.push(type);
      }
    }
    return found;
  }

  function words(each) {
    const found = isMissed(each) ? [] : [`score ${each[SCORE].toFixed(2)}`];
    if (each[KNOWN] === 1 || each[KNOWN] === 0) found.push(each[KNOWN] ? "known" : "new");
    if (typeof each[KB] === "number") found.push(`kb_score ${each[KB].toFixed(2)}`);
    if (typeof each[RANK] === "number") found.push(`kb_rank ${each[RANK]}`);
    if (data.verdicts.length && data.whys[each[WHY]]) found.push(data.whys[each[WHY]]);
    if (each[OTHER] >= 0) found.push(`${isMissed(each) ? "predicted" : "gold"}: ${data.labels[each[OTHER]]}`);
    return found.join(", ");
  }

  function show() {
    const match = /^#(\d+)(?:\.(\d+))?$/.exec(location.hash), doc = match && data.docs[match[1]];
    if (!doc) return;
    const chosen = match[2] === undefined ? null : doc[RELATIONS][match[2]];
    const text = make("p", "relx-text");
    text.append(...parts(doc, chosen));
    const list = make("ol", "relx-plain");
    doc[RELATIONS].slice(0, MOST).forEach((each, r) => {
      const item = make("li"), link = make("a");
      link.href = `#${match[1]}.${r}`;
      if (each === chosen) link.setAttribute("aria-current", "true");
      if (data.verdicts.length) link.append(verdict(each));
      link.append(chip(doc, each[HEAD]), make("bdi", "relx-label", data.labels[each[LABEL]]), chip(doc, each[TAIL]));
      item.append(link, make("span", "relx-sum", words(each)));
      list.append(item);
    });
    const left = doc[RELATIONS].length - MOST;
    if (left > 0) list.append(make("li", "relx-sum", `and ${left} more`));
    const body = make("div");
    body.dir = doc[RTL] ? "rtl" : "ltr";
    if (data.langs[doc[LANG]]) body.lang = data.langs[doc[LANG]];
    body.append(text, list);
    const head = make("h2", "", doc[ID]);
    if (data.langs[doc[LANG]]) head.append(make("span", "relx-lang", data.langs[doc[LANG]]));
    at("detail").replaceChildren(head, body);
    const evidence = text.querySelector(".relx-evidence");
    if (evidence) evidence.scrollIntoView({ block: "nearest" });
    draw();
  }

  // What was taken for what

  const isMissed = (each) => data.verdicts[each[VERDICT]] === "missed";
  const gold = (each) => (data.verdicts[each[VERDICT]] === "wrong" ? each[OTHER] : each[LABEL]);
  const predicted = (each) => (isMissed(each) ? each[OTHER] : each[LABEL]);

  // A wrong relation in the place of a missed one, which stands for both
  const isEcho = (each) => data.verdicts[each[VERDICT]] === "wrong" && each[OTHER] >= 0;

  function confusion() {
    const counts = new Map(), weight = new Map();
    for (const each of triples.map(relation)) {
      const pair = [gold(each), predicted(each)], name = data.verdicts[each[VERDICT]];
      if (isEcho(each)) continue;
      counts.set(pair.join(), (counts.get(pair.join()) || 0) + 1);
      for (const label of pair) weight.set(label, (weight.get(label) || 0) + (name === "right" ? 0.001 : 1));
    }
    const most = 30, labels = [...weight.keys()].filter((i) => i >= 0).sort((a, b) => weight.get(b) - weight.get(a));
    const shown = [...labels.slice(0, most), -1], named = (i) => (i < 0 ? "none" : data.labels[i]);
    const top = Math.max(1, ...[...counts].map(([, n]) => n)), head = make("tr");
    head.append(make("th", "", "gold \\ predicted"), ...shown.map((i) => make("th", "", named(i))));
    const body = shown.map((g) => {
      const line = make("tr");
      line.append(make("th", "", named(g)));
      for (const p of shown) {
        const n = counts.get([g, p].join()) || 0, field = make("td", g === p ? "relx-hit" : "relx-miss");
        if (n) {
          const button = make("button", "", String(n));
          button.title = `gold ${named(g)}, predicted ${named(p)}`;
          button.addEventListener("click", () => {
            cell = cell && cell.join() === [g, p].join() ? null : [g, p];
            for (const each of at("confusion").querySelectorAll("button")) each.removeAttribute("aria-pressed");
            if (cell) button.setAttribute("aria-pressed", "true");
            refresh();
          });
          field.style.setProperty("--part", String(Math.round(15 + 70 * Math.sqrt(n / top))) + "%");
          field.append(button);
        }
        line.append(field);
      }
      return line;
    });
    at("confusion").replaceChildren(head, ...body);
    if (labels.length > most) at("more").textContent = `The ${most} of ${labels.length} relations with most errors.`;
  }

  fill("label", data.labels, tally(column(LABEL), data.labels.length));
  fill("lang", data.langs, tally(data.docs.map((doc) => doc[LANG]), data.langs.length));
  fill("verdict", data.verdicts, tally(column(VERDICT), data.verdicts.length));
  fill("why", data.whys, tally(column(WHY), data.whys.length));
  if (at("confusion")) confusion();
  for (const id of ["view", "label", "lang", "verdict", "why", "known", "score", "text"]) {
    if (at(id)) at(id).addEventListener("input", refresh);
  }
  at("list").addEventListener("scroll", draw);
  addEventListener("resize", draw);
  addEventListener("hashchange", show);
  refresh();
  show();
})();
