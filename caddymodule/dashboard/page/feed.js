// The paths are relative: the page works wherever it is served.

/** ask reads JSON from the gateway. An error's text is the gateway's own. */
export async function ask(path, question) {
	const options = question === undefined ? {} : {
		method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question),
	};
	const response = await fetch(path, { cache: "no-store", ...options });
	const answer = await response.json();
	if (!response.ok) throw new Error(typeof answer.error === "string" ? answer.error : answer.error.message);
	return answer;
}

/** follow hears of what changes. The stream ends with its configuration, and is opened again. */
export function follow(heard, connected) {
	const source = new EventSource("events");
	for (const kind of ["traffic", "refusals", "state"]) {
		source.addEventListener(kind, (event) => {
			connected(true);
			heard[kind](JSON.parse(event.data));
		});
	}
	source.addEventListener("error", () => {
		connected(false);
		if (source.readyState !== EventSource.CLOSED) return;
		setTimeout(() => follow(heard, connected), 1000); // the endpoint refused: browsers then do not try again
	});
}
