#!/bin/sh
# Installs what the tests use beyond Python; says in one line what had to be left out. Never fails.
need=""
command -v bwrap    >/dev/null 2>&1 || need="$need bubblewrap"
command -v socat    >/dev/null 2>&1 || need="$need socat"
command -v git      >/dev/null 2>&1 || need="$need git"
command -v chromium >/dev/null 2>&1 || need="$need chromium"
if [ -n "$need" ] && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need; } >/dev/null 2>&1
fi
# The agent CLIs, pinned; a folder per set of versions, so that a cache keeps it and a new pin replaces it.
agents="@anthropic-ai/claude-code@2.1.329 @openai/codex@0.169.0 @google/gemini-cli@0.61.0 opencode-ai@1.18.33"
if [ "$(cat .tools/agents/.versions 2>/dev/null)" != "$agents" ]; then
  if command -v npm >/dev/null 2>&1; then
    rm -rf .tools/agents && mkdir -p .tools/agents && echo '{"private":true}' > .tools/agents/package.json
    if npm install --prefix .tools/agents --no-audit --no-fund --loglevel=error $agents >/dev/null 2>&1; then
      echo "$agents" > .tools/agents/.versions
    else
      echo "left out: tests with the real agent CLIs (npm could not install them)"
    fi
  else
    echo "left out: tests with the real agent CLIs (npm is not installed)"
  fi
fi
# axe-core, for the test of accessibility.
if [ ! -f .tools/axe/node_modules/axe-core/axe.min.js ] && command -v npm >/dev/null 2>&1; then
  mkdir -p .tools/axe && echo '{"private":true}' > .tools/axe/package.json
  npm install --prefix .tools/axe --no-audit --no-fund --loglevel=error axe-core@4.14.1 >/dev/null 2>&1 || echo "left out: the test of accessibility (npm could not install axe-core)"
fi
for tool in bwrap socat git chromium; do
  command -v $tool >/dev/null 2>&1 || echo "left out: tests that need $tool (install it with your package manager)"
done
exit 0
