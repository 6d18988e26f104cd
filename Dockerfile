# The app, and the small programs beside it in compose.yaml. Builds with BuildKit and without.

# --- The build, with everything that it takes ---
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/protocol/package.json packages/protocol/
COPY packages/runner/package.json packages/runner/
COPY scripts/ensure-dependencies.mjs scripts/progress.mjs scripts/run-program.mjs scripts/
RUN node --input-type=module \
	-e "await (await import('./scripts/ensure-dependencies.mjs')).ensureDependencies()"
COPY . .
RUN npm run build && node scripts/build-stack.mjs

# --- What runs needs of npm's packages. The optional ones are binaries: of the embedded database, which Compose has
# as a service, and of the agent, which is in the image of the sandboxes ---
FROM node:22-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/protocol/package.json packages/protocol/
COPY packages/runner/package.json packages/runner/
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:22-bookworm-slim
RUN apt-get update \
	&& apt-get install -y --no-install-recommends ca-certificates git openssh-client \
	&& rm -rf /var/lib/apt/lists/*
# A workspace of root's is below /root, and the app is not root.
RUN chmod 711 /root
WORKDIR /app
COPY --from=packages /app ./
COPY drizzle drizzle
COPY docker docker
COPY --from=build /app/docker/agent-ws-client.js docker/
COPY --from=build /app/build build
ENV NODE_ENV=production
EXPOSE 3000
USER node
CMD ["node", "build"]
