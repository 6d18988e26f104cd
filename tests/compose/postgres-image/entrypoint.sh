#!/bin/sh
# As the public image does it: a cluster in an empty volume, with the user, password and database that are named; the
# password is not looked at again.
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
export PATH

if [ "$(id -u)" = 0 ]; then
	chown postgres:postgres "$PGDATA"
	chmod 700 "$PGDATA"
	exec setpriv --reuid postgres --regid postgres --init-groups /bin/sh "$0"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	echo "$POSTGRES_PASSWORD" > /tmp/password
	initdb --username "$POSTGRES_USER" --pwfile /tmp/password --auth-host scram-sha-256 --auth-local trust \
		--encoding UTF8 --no-sync > /dev/null
	echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
	pg_ctl --wait --options "-c listen_addresses=''" start > /dev/null
	createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
	pg_ctl --wait stop > /dev/null
fi
exec postgres -c listen_addresses='*'
