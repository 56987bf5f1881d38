// What comes from the gateway becomes text, never markup: nodes are made here and nowhere else.

/** element makes an element. Children are nodes, or values that become text; null and undefined are left out. */
export function element(name, attributes, ...children) {
	const node = document.createElement(name);
	for (const [key, value] of Object.entries(attributes ?? {})) {
		if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
	}
	node.append(...children.flat().filter((child) => child !== null && child !== undefined).map((child) =>
		child instanceof Node ? child : document.createTextNode(String(child))));
	return node;
}

const svgNamespace = "http://www.w3.org/2000/svg";

/** shape makes an element of a drawing. */
export function shape(name, attributes, ...children) {
	const node = document.createElementNS(svgNamespace, name);
	for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
	node.append(...children);
	return node;
}

/** name shows a name that somebody else chose: it changes the direction of nothing around it. */
export function name(text) { return element("bdi", { class: "mono" }, text); }

/** table makes a table. Columns are {title, number, short, cell(row)}; the first one is the row's head. */
export function table(caption, columns, rows) {
	// Roles are written out: as cards on a phone the elements have another display, which takes their own away.
	const head = columns.map((c) => element("th", { scope: "col", role: "columnheader", class: c.number && "number" }, c.title));
	const body = rows.map((row) => element("tr", { role: "row" }, columns.map((c, n) =>
		element(n ? "td" : "th", { role: n ? "cell" : "rowheader", scope: n ? null : "row", class: c.number ? "number" : c.short && "short", "data-label": n ? c.title : null }, c.cell(row)))));
	return element("table", { role: "table" }, element("caption", {}, caption),
		element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, head)), element("tbody", { role: "rowgroup" }, body));
}

/** list makes a list of terms: [term, value] each; a value of null is left out. */
export function list(pairs) {
	return element("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([term, value]) =>
		[element("dt", {}, term), element("dd", {}, value)]));
}

/** replace puts nodes in the place of all that stands in an element. */
export function replace(id, ...nodes) { document.getElementById(id).replaceChildren(...nodes); }

/** clock is a time of Unix seconds, as people read it. */
export function clock(seconds) { return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false }); }

/** age is how long ago that was. */
export function age(seconds, now) {
	const past = Math.max(0, now - seconds);
	if (past < 120) return `${Math.round(past)} s`;
	if (past < 7200) return `${Math.round(past / 60)} min`;
	return past < 172800 ? `${Math.round(past / 3600)} h` : `${Math.round(past / 86400)} days`;
}

/** whole is a number with separators. */
export function whole(n) { return Number(n).toLocaleString(); }

/** milliseconds are a duration, or a dash where none was measured. */
export function milliseconds(n) { return n === null || n === undefined ? "–" : `${Number(n.toPrecision(2))} ms`; }
