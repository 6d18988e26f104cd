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
exec node /opt/agent/agent-ws-client.js "$@"
