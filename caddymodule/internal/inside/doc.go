// Package inside tells whether a text speaks of a backend's inside: where its databases are, what their drivers say, where
// its code broke. Such a text helps no caller, and helps whoever wants in.
//
// A text is of the inside if it holds one of these, wherever it stands:
//
//   - a driver's word: an error code (ECONNREFUSED, SQLSTATE), the name of a driver or of its errors (MongoNetworkError,
//     psycopg2), what drivers say when a server is away ("server selection timed out"), a stack trace;
//   - a connection that failed: a word such as connection or socket, and one such as closed, refused or timed out;
//   - a connection string: mongodb://…, jdbc:…, a URL with a password, "host=… user=…", user@tcp(…), the path of a socket;
//   - an address with a port: 10.0.0.5:27017, [fe80::1]:5432, db.internal:5432, and a single name with the port of a
//     database (mongo:27017).
//
// An address without a port, an internal name (db.internal) or an http URL with either may be what the caller sent:
// "ip is not valid: 203.0.113.7", "redirect_uri http://localhost:3000/cb is not allowed". It is taken for the caller's if the
// text speaks of what is valid, allowed, expected, … and of nothing that has to do with connections. Otherwise it is of the
// inside: where a text could be either, it is hidden.
//
// These are not addresses: times and ratios (10:00, 16:9), e-mail addresses, ids such as lead:4711, version numbers with
// other than four parts, http URLs with a public name, a name and a text ("name: is required").
package inside
