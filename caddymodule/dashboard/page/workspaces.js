import { clock, element, name, replace, table, whole } from "./dom.js";
import { ask } from "./feed.js";

/** showWorkspaces shows the busiest and the most refused. */
export function showWorkspaces(view) {
	const held = document.activeElement?.getAttribute("data-workspace");
	const since = `since ${clock(view.since)}`;
	replace("workspaces", element("div", { class: "columns" },
		column(`Busiest, of ${whole(view.counted)} ${since}`, "busiest", view.busiest, view.now),
		column(`Most refused, ${since}`, "refused", view.most_refused, view.now)));
	if (held) document.querySelector(`[data-workspace="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

function column(caption, kind, list, now) {
	if (!list.length) return element("p", { class: "quiet" }, `${caption}: none`);
	return element("div", {}, table(caption, [
		{ title: "Workspace", cell: (w) => [opener(w.id, kind), " ", element("span", { class: "quiet" }, w.plan)] },
		{ title: "Requests", number: true, cell: (w) => whole(w.requests) },
		{ title: "Refused", number: true, cell: (w) => whole(w.refused) },
		{ title: "Used of its limits", cell: (w) => w.denied ? "its plan is denied" : bars(w.windows, now) },
	], list));
}

function bars(windows, now) {
	if (!windows) return element("span", { class: "quiet" }, "not known here");
	return windows.map((w) => {
		const limit = Number(w.window.split("/")[0]), used = w.used;
		const fill = element("div", {});
		fill.style.width = `${Math.min(100, used / limit * 100)}%`;
		return element("div", {}, element("span", {}, `${whole(used)} of ${w.window}`, used ? `, ends in ${Math.max(0, w.reset - now)} s` : ""),
			element("div", { class: w.remaining ? "bar" : "bar full", "aria-hidden": "true" }, fill));
	});
}

function opener(id, kind) {
	const node = element("button", { class: "small", type: "button", "data-workspace": `${kind} ${id}` }, name(id));
	node.addEventListener("click", () => open(id));
	return node;
}

async function open(id) {
	const place = document.getElementById("workspace");
	place.hidden = false;
	try {
		const w = await ask(`workspaces/${encodeURIComponent(id)}`);
		replace("workspace", element("h3", {}, "Workspace ", name(id)),
			element("p", {}, `plan ${w.workspace.plan}${w.denied ? ", which is denied" : ""}; ${whole(w.requests)} requests, ${whole(w.refused)} refused${w.local ? "; counted here alone, the shared counters are away" : ""}`),
			element("div", {}, bars(w.windows, w.now)),
			table(w.more_keys ? "Its first hundred keys" : "Its keys", [
				{ title: "Key", cell: (k) => name(k.id) },
				{ title: "Name", cell: (k) => name(k.name) },
				{ title: "State", cell: (k) => k.state },
				{ title: "Scopes", cell: (k) => name(k.scopes.join(" ")) },
				{ title: "Only from", cell: (k) => name(k.allowed_ips.join(" ")) },
				{ title: "Own limits", cell: (k) => k.limits.join(" ") },
				{ title: "Ends", cell: (k) => k.expires_at ?? "never" },
			], w.keys));
	} catch (error) {
		replace("workspace", element("p", { class: "problem error" }, error.message));
	}
	place.focus();
}
