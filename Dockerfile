# docker build -t roundsman .                     the service with the agent programs (about 1.4 GB)
# docker build -t roundsman --target service .    the service alone: scripts only, or agents bound in from the host
# How to run either so that agents are confined: docs/container.md

FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE THIRD_PARTY.md app.yml ./
COPY bot bot
COPY commands commands
COPY filters filters
RUN python -m venv /app && /app/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt .

FROM node:22-bookworm-slim AS tools
WORKDIR /opt/agents
RUN echo '{"private":true}' > package.json \
 && npm install --omit=dev --no-audit --no-fund --loglevel=error \
      @anthropic-ai/claude-code@2.1.329 \
      @openai/codex@0.169.0 \
      @google/gemini-cli@0.61.0 \
      opencode-ai@1.18.33 \
 && npm cache clean --force

FROM python:3.12-slim-bookworm AS service
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap ca-certificates git socat util-linux \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin roundsman \
 && install -d -o roundsman -g roundsman /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 \
    ROUNDSMAN_DATA_DIR=/data ROUNDSMAN_HOST=0.0.0.0 ROUNDSMAN_PORT=8420
USER roundsman
VOLUME /data
EXPOSE 8420
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8420/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["roundsman"]
CMD ["serve"]

FROM service AS agents
COPY --from=tools /usr/local/bin/node /usr/local/bin/node
COPY --from=tools /opt/agents /opt/agents
ENV ROUNDSMAN_TOOLS_DIR=/opt/agents
