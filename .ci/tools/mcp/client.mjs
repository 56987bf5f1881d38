// Discovers, lists and calls tools with a client of the TypeScript SDK. Arguments: which client, the server's address, the calls as
// JSON. The key is in KEY.
const [which, address, calls] = process.argv.slice(2);
const [{ Client }, { StreamableHTTPClientTransport }] = which === "sdk"
	? [await import("@modelcontextprotocol/sdk/client/index.js"), await import("@modelcontextprotocol/sdk/client/streamableHttp.js")]
	: [await import("@modelcontextprotocol/client"), await import("@modelcontextprotocol/client")];
const client = new Client({ name: "test", version: "1" }, which === "sdk" ? {} : { versionNegotiation: { mode: "auto" } });
const transport = new StreamableHTTPClientTransport(new URL(address), { requestInit: { headers: { Authorization: `Bearer ${process.env.KEY}` } } });
await client.connect(transport);
const expect = (is, what) => { if (!is) throw new Error(what); };
const { tools } = await client.listTools();
const wanted = JSON.parse(calls);
expect(tools.length === wanted.length, `tools: ${tools.map((t) => t.name)}`);
for (const { tool, arguments: given } of wanted) {
	const result = await client.callTool({ name: tool, arguments: given });
	expect(!result.isError && result.structuredContent?.success === true, `${tool}: ${JSON.stringify(result)}`);
}
const refused = await client.callTool({ name: "getLead", arguments: { id: "../x" } });
expect(refused.isError === true && refused.content[0].text.includes("VALIDATION_ERROR"), JSON.stringify(refused));
let unknown;
try { unknown = await client.callTool({ name: "nothing", arguments: {} }); } catch (error) { unknown = error; }
expect(unknown?.code === -32602, `a tool that is not there: ${JSON.stringify(unknown)}`);
await client.close();
console.log(`${which}: ${wanted.length} tools called, revision ${client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion}`);
