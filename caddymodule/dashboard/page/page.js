import { explain } from "./explain.js";
import { ask, follow } from "./feed.js";
import { listen, newRefusals, offerReasons } from "./refusals.js";
import { showRoutes, showStatus } from "./state.js";
import { showTraffic } from "./traffic.js";
import { showWorkspaces } from "./workspaces.js";

const feed = document.getElementById("feed");
let live;

function connected(now) {
	if (now === live) return;
	live = now;
	feed.textContent = now ? "live" : "The gateway does not answer; trying again …";
	if (now) catchUp();
}

/** catchUp reads what was refused before the stream, or while it was away. */
async function catchUp() {
	try {
		newRefusals(await ask("refusals?n=500"), explain);
	} catch (error) {
		feed.textContent = error.message;
	}
}

listen(explain);
follow({
	traffic(traffic) {
		showTraffic(traffic);
		offerReasons(traffic.reasons);
	},
	refusals: (news) => newRefusals(news, explain),
	state({ status, routes, workspaces }) {
		showStatus(status);
		showRoutes(routes);
		showWorkspaces(workspaces);
	},
}, connected);
