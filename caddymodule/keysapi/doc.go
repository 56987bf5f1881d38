// Package keysapi is the management of keys over HTTP, for the dashboard where a workspace's people make their keys. It judges requests whose caller is known, and knows no Caddy and no connection: a request's facts in, an
// answer or a refusal out.
//
//	GET    <path>               lists keys: ?workspace=<id, or * for all> &after=<id> &limit=<1 to 200>
//	POST   <path>               makes one: {"workspace", "name", "scopes", "allowed_ips", "limits", "expires_at"}, none of them needed;
//	                            without expires_at, or with null, it ends with the key that asks, if that ends;
//	                            without limits, or with none, it has those of the key that asks
//	GET    <path>/<id>          shows one
//	PATCH  <path>/<id>          changes what is given of {"name", "scopes", "allowed_ips", "limits", "expires_at", "disabled"}
//	DELETE <path>/<id>          revokes it, for good
//	POST   <path>/<id>/rotate   gives it a second secret: {"grace": "24h"} is how long the others live on
//
// # Who may do what
//
// The scopes tollgate.keys.read and tollgate.keys.write reach the keys of the caller's own workspace, tollgate.admin.read
// and tollgate.admin.write those of all. A key out of reach is answered like one that does not exist. The scope "*" alone
// reaches and grants nothing beyond the own workspace: who shall, is told so by name (tollgate.admin.*, tollgate.*), lest
// every key that may use a whole API rules over all customers once its keys are managed over HTTP.
//
// Nobody grants what they do not hold, administrators neither. Whoever makes a key, gets a secret of one, or widens one (a
// new scope, a wider allowlist, a later end, looser limits, enabling it) must hold all that the key then is: scopes that cover
// its scopes, an allowlist that covers its allowlist, an end no earlier than its end, and no limit that the key has not as well:
// for each one at least as long that admits no more. The end of a rotated secret counts as the end of its holder. A key that is
// made without an end or limits by one that has them gets the same: the answer says which. Names are the workspace's own words:
// no policy should trust them.
//
// No key changes its own limits, not even to tighter ones: a window of another duration begins anew. Limits are each key's own:
// whoever may make keys has as many times its own as it makes keys, up to what the workspace has.
//
// Narrowing, disabling and revoking need no more than the reach.
//
// A write is judged by what the store, not a cache, says of the caller after the body has arrived. A secret is shown only
// if the caller is still good after the change, so that a key which is revoked at that moment leaves nothing usable behind.
package keysapi
