#!/bin/sh
# Installs the named packages of Debian; starts none of the servers in them. Needs root, or sudo.
set -eu
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
if ! command -v apt-get >/dev/null 2>&1; then
    echo "no apt-get here: install what Debian calls $* yourself" >&2
    exit 1
fi
# What Debian asks before it starts a service after installing it: a machine's own answer stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
fi
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
