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
for tool in bwrap socat git chromium; do
  command -v $tool >/dev/null 2>&1 || echo "left out: tests that need $tool (install it with your package manager)"
done
exit 0
