#!/usr/bin/env bash
# Installs the Debian packages that some tests drive for real (mail servers, a browser, an image builder).
# Where it can't, it says what is missing: those tests then skip, each by name.
set -uo pipefail

read -r -a wanted <<<"${SYSTEM_PACKAGES:?run it as: make system}"
say() { printf '%s\n' "$*" >&2; }

if ! command -v apt-get >/dev/null; then
    say "make system: this is no Debian (no apt-get). Tests that need one of these skip: ${wanted[*]}"
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed \
        || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    say "make system: nothing to install"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    say "make system: needs root to install ${missing[*]}; tests that need them skip. Run: sudo make system"
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get --quiet --quiet --yes --option Dpkg::Use-Pty=0 --option DPkg::Lock::Timeout=120
    --option Dpkg::Options::=--force-confdef --option Dpkg::Options::=--force-confold)

# Nothing installed here may start by itself: the tests start what they need, on free ports.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
debconf-set-selections <<<'postfix postfix/main_mailer_type select No configuration' || true

say "make system: installing ${missing[*]} …"
"${apt[@]}" update >&2 || say "make system: apt-get update failed; going on with what is known"
if ! "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null >&2; then
    # One package that can't be had must not take the others with it.
    for package in "${missing[@]}"; do
        "${apt[@]}" install --no-install-recommends "$package" </dev/null >&2 \
            || say "make system: no $package here; tests that need it skip"
    done
fi
exit 0
