import { ask } from "./feed.js";

const form = document.getElementById("explain");
const output = document.getElementById("explained");

function say(text) {
	output.hidden = false;
	output.textContent = text;
	output.focus();
}

async function run() {
	const { method, address, key_id, ip } = Object.fromEntries(new FormData(form));
	try {
		say((await ask("explain", { method, address: address.trim(), key_id: key_id.trim(), ip: ip.trim() })).text);
	} catch (error) {
		say(error.message);
	}
}

form.addEventListener("submit", (event) => {
	event.preventDefault();
	run();
});

/** explain asks about a request like one that was refused. Its path is not kept: parameters stand by their names. */
export function explain(refusal) {
	const path = (refusal.route || "/").replaceAll(/:([A-Za-z0-9_-]+)/g, "$1").replace(/\*$/, "x");
	form.elements.method.value = refusal.method === "other" ? "GET" : refusal.method;
	form.elements.address.value = path;
	form.elements.key_id.value = refusal.key;
	form.elements.ip.value = refusal.address ?? "";
	document.getElementById("explain-heading").scrollIntoView();
	run();
}
