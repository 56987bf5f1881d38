import { age, clock, element, list, milliseconds, name, replace, table, whole } from "./dom.js";

let toldProblems = "";

/** showStatus shows what is wrong, and how everything does. */
export function showStatus(s) {
	replace("about", `${s.version}, up ${age(s.started, s.now)}, configuration ${age(s.loaded, s.now)} old, ${whole(s.refusals)} refused since the start`);
	showProblems(s);
	replace("state", element("div", { class: "columns" }, keys(s), counters(s.counters, s.now), policies(s.policies, s.now), rest(s)));
}

function showProblems(s) {
	const told = JSON.stringify(s.problems);
	if (told === toldProblems) return; // screen readers hear of changes only
	toldProblems = told;
	replace("problems", ...(s.problems.length ? s.problems.map((p) =>
		element("div", { class: `problem ${p.severity}` }, element("strong", {}, p.severity === "error" ? "Error: " : "Warning: "), name(p.text),
			element("span", {}, p.since ? `since ${clock(p.since)}. ` : "", p.do))) : [element("p", { class: "problem none" }, "Nothing is wrong.")]));
}

function keys({ keys: k }) {
	const asked = k.cache.hits + k.cache.asked;
	return element("div", {}, element("h3", {}, "Key store"), list([
		["Kind", k.kind], ["Place", name(k.place)], ["Reachable", k.failing.length ? "no" : "yes"],
		["Feed of changes", k.cache.feed_age_seconds === null ? "not heard yet" : `${k.cache.feed_age_seconds.toFixed(1)} s old`],
		["Remembered", `${whole(k.cache.known)} of at most ${whole(k.cache.room)}`],
		["From memory", asked ? `${(k.cache.hits / asked * 100).toFixed(1)} % of ${whole(asked)} look-ups` : "no look-up yet"],
		["While it is away", `known keys go on for ${k.stale_seconds} s`],
	]));
}

function counters(c, now) {
	const verdicts = Object.entries(c.verdicts).filter(([, n]) => n).map(([source, n]) => `${source} ${whole(n)}`).join(", ");
	const shared = c.shared;
	return element("div", {}, element("h3", {}, "Counters"), list([
		["Engine", c.engine], ["Place", shared && name(shared.place)],
		["Reachable", shared && (shared.away.map((f) => `${f.what ? `node ${f.what}: ` : ""}no, for ${age(f.since, now)}`).join("; ") || "yes")],
		["On outage", shared && shared.on_outage],
		["Calls a request", shared && (shared.requests ? (shared.calls / shared.requests).toFixed(2) : "none yet")],
		["Failed calls", shared && whole(shared.errors)],
		["Workspaces", whole(c.tracked)], ["Verdicts", verdicts || "none yet"],
	]));
}

function policies(p, now) {
	const decided = p.evaluated + p.remembered;
	return element("div", {}, element("h3", {}, "Policies"), list([
		["Generation", `${p.generation}, ${age(p.loaded, now)} old`], ["On disk", p.failing ? "not taken" : "as it decides"],
		["Files", p.files.length ? p.files.map((f) => element("div", {}, name(f))) : "the gateway's own only"], ["The gateway's own", p.embedded],
		["Decisions", decided ? `${whole(decided)}, remembered ${(p.remembered / decided * 100).toFixed(1)} %` : "none yet"],
		["Not remembered", p.remembers ? null : name(p.why)],
	]));
}

function rest(s) {
	const plans = Object.entries(s.plans).sort(([a], [b]) => a.localeCompare(b));
	return element("div", {}, element("h3", {}, "Plans, throttles, documents, secrets"), list([
		...plans.map(([plan, windows]) => [name(plan), windows.join(", ") || "denied"]),
		["Throttle of addresses", s.throttles.auth], ["Throttle of keys", s.throttles.refusals],
		...s.documents.map((d) => ["Document", `${d.file.split("/").at(-1)}: ${whole(d.routes)} routes, ${d.failing ? "the one on disk is not taken" : "as on disk"}`]),
		["Secrets", s.secrets ? `${whole(s.secrets.values)} of ${whole(s.secrets.workspaces)} workspaces, ${s.secrets.failing ? "those on disk are not taken" : "as on disk"}` : "none configured"],
	]));
}

/** showRoutes shows what may be asked for, and how it does. */
export function showRoutes(routes) {
	if (!routes.length) return replace("routes", element("p", { class: "quiet" }, "The configuration has no route."));
	replace("routes", table(`${routes.length} routes`, [
		{ title: "Route", cell: (r) => [`${r.methods.join(",")} `, name(r.pattern), ...farewell(r.deprecation)] },
		{ title: "Needs", cell: (r) => r.public ? "nothing, it is public" : r.whoami ? "any key, tells who it is" : r.describes ? "nothing, it tells what the caller may do" : r.scopes.length ? name(r.scopes.join(" ")) : "any key" },
		{ title: "Cost", number: true, cell: (r) => r.cost || "–" },
		{ title: "Requests", number: true, cell: (r) => whole(r.requests) },
		{ title: "Refused", number: true, cell: (r) => whole(r.refused) },
		{ title: "Backend p50", number: true, cell: (r) => milliseconds(r.backend.p50_ms) },
		{ title: "Backend p99", number: true, cell: (r) => milliseconds(r.backend.p99_ms) },
		{ title: "Written at", cell: (r) => name(r.source.split("/").at(-1)) },
	], routes));
}

/** farewell says that a route is to be left, and who has not. */
function farewell(deprecation) {
	if (!deprecation) return [];
	const dates = ["deprecated", "sunset"].filter((word) => deprecation[word]).map((word) => `${word} ${deprecation[word].slice(0, 10)}`);
	const callers = deprecation.callers.slice(0, 5).map((c) => c.workspace || "callers without a key").join(", ");
	const more = deprecation.workspaces > 5 ? ` and ${whole(deprecation.workspaces - 5)} more` : "";
	return [element("p", { class: "quiet" }, `${dates.join(", ")}; still called by ${callers ? callers + more : "nobody"}`)];
}
