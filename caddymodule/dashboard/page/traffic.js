import { clock, element, milliseconds, replace, shape, table, whole } from "./dom.js";

// kinds are what the chart tells apart, from below.
const kinds = [
	["ok", "answered", (outcome) => outcome === "ok"],
	["backend", "backend's errors", (outcome) => outcome.startsWith("backend_")],
	["limited", "over a limit", (outcome) => outcome === "RATE_LIMITED"],
	["refused", "refused", () => true],
];

function kindOf(outcome) { return kinds.find(([, , is]) => is(outcome))[0]; }

/** showTraffic shows the last hour. */
export function showTraffic(traffic) {
	const sums = { ok: 0, backend: 0, limited: 0, refused: 0 };
	for (const [outcome, n] of Object.entries(traffic.outcomes)) sums[kindOf(outcome)] += n;
	const said = kinds.map(([kind, words]) => `${whole(sums[kind])} ${words}`).join(", ");
	replace("traffic",
		chart(traffic.minutes, said),
		element("p", { class: "axis" }, element("span", {}, "an hour ago"), element("span", {}, "now")),
		element("p", { class: "legend" }, kinds.map(([kind, words]) => element("span", {}, element("span", { class: `swatch ${kind}` }), `${words}: ${whole(sums[kind])}`))),
		element("div", { class: "columns" },
			counts("Requests by code", "Code", traffic.outcomes), counts("Refusals by reason", "Reason", traffic.reasons), times(traffic)));
}

function chart(minutes, said) {
	const width = 600, height = 100, step = width / 60;
	const end = minutes.at(-1).at;
	const highest = Math.max(1, ...minutes.map((m) => Object.values(m.outcomes).reduce((a, b) => a + b, 0)));
	const bars = minutes.flatMap((minute) => {
		const x = width - step * (1 + (end - minute.at) / 60);
		const own = { ok: 0, backend: 0, limited: 0, refused: 0 };
		for (const [outcome, n] of Object.entries(minute.outcomes)) own[kindOf(outcome)] += n;
		let y = height;
		return kinds.filter(([kind]) => own[kind] > 0).map(([kind]) => {
			const tall = Math.max(1, own[kind] / highest * (height - 2));
			y -= tall;
			const bar = shape("rect", { class: kind, x, y, width: step - 1.5, height: tall });
			const title = shape("title", {});
			title.textContent = `${clock(minute.at)}: ${own[kind]} ${kind}`;
			bar.append(title);
			return bar;
		});
	});
	return shape("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
		"aria-label": `Requests of the last hour by minute: ${said}. The highest minute has ${highest}.` }, ...bars);
}

function counts(caption, title, sums) {
	const rows = Object.entries(sums).sort((a, b) => b[1] - a[1]);
	if (!rows.length) return element("div", {}, element("p", { class: "quiet" }, `${caption}: none`));
	return element("div", {}, table(caption, [
		{ title, cell: ([what]) => what }, { title: "Count", number: true, cell: ([, n]) => whole(n) },
	], rows));
}

function times(traffic) {
	return element("div", {}, table("Latency", [
		{ title: "Of", cell: ([what]) => what },
		{ title: "p50", number: true, cell: ([, q]) => milliseconds(q.p50_ms) },
		{ title: "p99", number: true, cell: ([, q]) => milliseconds(q.p99_ms) },
	], [["the gateway's steps", traffic.gateway], ["the backend, until its answer begins", traffic.backend]]));
}
