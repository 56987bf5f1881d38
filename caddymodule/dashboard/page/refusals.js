import { clock, element, name, replace, table } from "./dom.js";
import { ask } from "./feed.js";

const shown = 50;
let latest = [];
let total = 0;
let filtered = false;

/** newRefusals takes refusals that were heard of. */
export function newRefusals(news, explain) {
	const known = new Set(latest.map((r) => r.number));
	latest = news.refusals.filter((r) => !known.has(r.number)).concat(latest).slice(0, 500);
	total = news.total;
	if (!filtered) show(latest, explain);
}

function show(list, explain) {
	// A reader who stands on a button keeps it: the row is found again by its number.
	const held = document.activeElement?.getAttribute("data-refusal");
	if (!list.length) {
		replace("refusals", element("p", { class: "quiet" }, filtered ? "None of the last 500 is one of these." : "Nobody was refused yet."));
		return;
	}
	replace("refusals", table(`${Math.min(shown, list.length)} of ${filtered ? list.length : total}`, [
		{ title: "When", short: true, cell: (r) => clock(r.at / 1000) },
		{ title: "Why", cell: why },
		{ title: "Request", cell: (r) => [`${r.method} `, r.route ? name(r.route) : element("span", { class: "quiet" }, "no route")] },
		{ title: "Workspace, key", cell: (r) => [r.workspace && name(r.workspace), r.workspace && r.key && ", ", r.key && name(r.key)] },
		{ title: "Address", short: true, cell: (r) => r.address && name(r.address) },
		{ title: "Request id", cell: (r) => [name(r.request_id), r.trace_id && [" trace ", name(r.trace_id)]].flat() },
		{ title: "Explain", cell: (r) => r.key ? button(r, explain) : null },
	], list.slice(0, shown)));
	if (held) document.querySelector(`[data-refusal="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

function why(r) {
	return [element("strong", {}, r.reason), ` ${r.status} ${r.code}`,
		r.file && element("div", { class: "quiet" }, name(`${r.file}:${r.line}`)),
		r.missing_scopes && element("div", { class: "quiet" }, "lacks ", name(r.missing_scopes.join(" ")))].filter(Boolean);
}

function button(r, explain) {
	const node = element("button", { class: "small", type: "button", "data-refusal": r.number, "aria-label": `Explain request ${r.request_id}` }, "Explain");
	node.addEventListener("click", () => explain(r));
	return node;
}

/** listen lets the reader look for refusals. */
export function listen(explain) {
	const form = document.getElementById("filter");
	form.addEventListener("submit", async (event) => {
		event.preventDefault();
		const wanted = [...new FormData(form)].filter(([, value]) => value.trim() !== "").map(([key, value]) => [key, value.trim()]);
		filtered = wanted.length > 0;
		if (!filtered) return show(latest, explain);
		try {
			show((await ask(`refusals?${new URLSearchParams([...wanted, ["n", "500"]])}`)).refusals, explain);
		} catch (error) {
			replace("refusals", element("p", { class: "problem error" }, error.message));
		}
	});
}

/** offerReasons fills the choice of reasons with those that were given lately. */
export function offerReasons(reasons) {
	const select = document.getElementById("filter-reason");
	const known = new Set([...select.options].map((option) => option.value));
	for (const reason of Object.keys(reasons).sort()) {
		if (!known.has(reason)) select.append(element("option", { value: reason }, reason));
	}
}
