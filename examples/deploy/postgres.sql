-- The account of the gateways and of the commands, and the database that it owns: a newer Tollgate brings its tables up by itself.
-- It is no superuser, makes no roles and no databases. Run as the administrator:
--	TOLLGATE_PASSWORD_FILE=passwords/tollgate psql -v ON_ERROR_STOP=1 -f postgres.sql
\set password `cat "$TOLLGATE_PASSWORD_FILE"`
CREATE ROLE tollgate LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE tollgate OWNER tollgate;
REVOKE ALL ON DATABASE tollgate FROM PUBLIC;
