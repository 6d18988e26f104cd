#!/bin/sh
# First program of a session's container: starts the runner, which starts the agent.
set -eu

if [ -f /opt/agent/extra-ca.crt ]; then
	export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/opt/agent/extra-ca.crt}"
fi
if [ -z "${AGENT_MANAGER_DOOR:-}" ]; then
	echo 'This image is started by Agent Manager: AGENT_MANAGER_DOOR is not set.' >&2
	exit 64
fi

# Not by `exec`: a runner that a signal ended must not look like a container that was killed whole, so its exit
# code gets 64 more. SIGTERM is passed on.
node /opt/agent/agent-ws-client.js "$@" &
child=$!
trap 'kill -TERM $child || :' TERM
code=0
while :; do
	wait $child && code=0 || code=$?
	kill -0 $child 2>/dev/null || break
done
[ $code -le 128 ] || code=$((code + 64))
exit $code
