#!/bin/sh
# Builds the image of the sandboxes: `cd docker && ./build.sh`, after `npm install`.
#
#   CONTAINER_IMAGE      name and tag, agent-manager-sandbox:latest if unset
#   NODE_EXTRA_CA_CERTS  a certificate authority that the build's npm shall trust, if your network has one
#
# Further arguments go to `docker build`, such as `--network host` or `--no-cache`.
set -eu
cd "$(dirname "$0")"

image=${CONTAINER_IMAGE:-agent-manager-sandbox:latest}
sdk_version=$(node -p 'require("../packages/runner/package.json").dependencies["@anthropic-ai/claude-agent-sdk"]')

if ! command -v docker >/dev/null 2>&1; then
	echo 'The docker command is missing: install Docker, or let `npm start` build the image through the engine.' >&2
	exit 1
fi

echo 'Bundling the runner'
node ../scripts/build-runner.mjs

# Only what the Dockerfile needs is sent, from a folder of its own, so that two builds never meet.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp Dockerfile agent-entrypoint.sh agent-ws-client.js "$context/"
if [ -n "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$NODE_EXTRA_CA_CERTS" ]; then
	cp "$NODE_EXTRA_CA_CERTS" "$context/extra-ca.crt"
fi

# A client without buildx can't use BuildKit; the engine's own builder does the same.
if [ -z "${DOCKER_BUILDKIT:-}" ] && ! docker buildx version >/dev/null 2>&1; then
	export DOCKER_BUILDKIT=0
fi

# What the image is made from, so that the app sees when it is not its own any more.
sources=$({
	cat Dockerfile agent-entrypoint.sh agent-ws-client.js
	printf '%s' "$sdk_version"
} | node -e 'process.stdin.pipe(require("crypto").createHash("sha256")).setEncoding("hex").pipe(process.stdout)')

echo "Building $image with Claude Agent SDK $sdk_version"
docker build --tag "$image" --build-arg "SDK_VERSION=$sdk_version" \
	--label "agent-manager.image=$image" --label "agent-manager.sources=$sources" "$@" "$context"
echo "Built $image"
