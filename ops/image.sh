#!/usr/bin/env bash
# Builds the image «visionsvakt», with a Docker daemon or without one.
#
# Without one: buildah in a chroot, on a base that debootstrap makes from Debian's own archive and
# that is tagged as the real one. Needs root, buildah and debootstrap (make system installs them).
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${1:-visionsvakt}
base=${BASE:-debian:bookworm-slim}
suite=${base#debian:}
suite=${suite%-slim}
say() { printf 'make image: %s\n' "$*" >&2; }

if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    exec docker build --build-arg "BASE=$base" --tag "$tag" .
fi
for tool in buildah debootstrap; do
    command -v "$tool" >/dev/null || { say "neither a Docker daemon nor $tool here; see: make system"; exit 2; }
done
[ "$(id -u)" -eq 0 ] || { say "building without a Docker daemon needs root"; exit 2; }

export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    say "making a $suite base with debootstrap …"
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase "$suite" "$root/base" >"$root/log" 2>&1 \
        || { tail -n 5 "$root/log" >&2; say "debootstrap failed"; exit 1; }
    # What the slim image leaves out as well, now and for whatever is installed on it later.
    rm -rf "$root"/base/usr/share/{doc,info,locale,man,lintian,linda}/* \
        "$root"/base/var/lib/apt/lists/* "$root"/base/var/cache/apt/*.bin \
        "$root"/base/var/cache/apt/archives/*.deb "$root"/base/var/log/*
    for kind in doc groff info linda lintian locale man; do
        echo "path-exclude /usr/share/$kind/*"
    done >"$root/base/etc/dpkg/dpkg.cfg.d/slim"
    container=$(buildah from scratch)
    buildah copy --quiet "$container" "$root/base" / >/dev/null
    buildah commit --quiet --rm --format docker "$container" "$base" >/dev/null
fi

# A proxy that inspects TLS is trusted inside the build too, where this machine trusts one.
trust=()
bundle=${SSL_CERT_FILE:-}
if [ -n "$bundle" ] && [ -r "$bundle" ]; then
    trust=(--volume "$bundle:/run/build-ca.pem:ro" --build-arg PIP_CERT=/run/build-ca.pem)
fi
exec buildah build --format docker --layers=false "${trust[@]}" \
    --build-arg "BASE=$base" --tag "$tag" .
