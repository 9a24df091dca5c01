#!/bin/sh
# Installs the named packages of Debian. Needs root, or sudo.
set -eu
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
if ! command -v apt-get >/dev/null 2>&1; then
    echo "no apt-get here: install what Debian calls $* yourself" >&2
    exit 1
fi
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
