# The platform's one image: every part of docker-compose.yml but Redpanda and Postgres runs from it.
FROM python:3.11-slim-bookworm
RUN useradd --create-home whale && mkdir /app /state && chown whale /app /state
USER whale
WORKDIR /app
COPY --chown=whale . .
RUN ./whale --help > /dev/null
ENV PATH=/app/.venv/bin:$PATH PYTHONPATH=/app WHALE_TOOLS=/app/.whale/tools WHALE_HOME=/state \
    JAVA_HOME=/app/.whale/tools/java
VOLUME /state
