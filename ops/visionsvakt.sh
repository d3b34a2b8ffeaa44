#!/bin/sh
# Runs one command as the worker under systemd runs: by its user, with its configuration, its
# database and its secrets. Files it is to write must be where that user may write.
#
#   install -m 755 ops/visionsvakt.sh /usr/local/bin/visionsvakt
#   visionsvakt doctor
set -eu

secrets=/etc/visionsvakt/environment
program=/opt/visionsvakt/bin/visionsvakt

given=${VISIONSVAKT_DATABASE_URL:-}
export VISIONSVAKT_CONFIG=/etc/visionsvakt/visionsvakt.toml
export VISIONSVAKT_DATABASE_URL=sqlite:////var/lib/visionsvakt/visionsvakt.db
if [ -r "$secrets" ]; then
    # As systemd reads it: NAME=value a line, whole values may be quoted; nothing is expanded.
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
            '' | '#'* | ';'*) continue ;;
        esac
        value=${line#*=}
        case $value in
            \"*\") value=${value#\"} && value=${value%\"} ;;
            \'*\') value=${value#\'} && value=${value%\'} ;;
        esac
        export "${line%%=*}=$value"
    done <"$secrets"
fi
# Another store may be named for one command, as when a store moves.
export VISIONSVAKT_DATABASE_URL="${given:-$VISIONSVAKT_DATABASE_URL}"

if [ "$(id -un)" = visionsvakt ]; then
    exec "$program" "$@"
fi
exec runuser -u visionsvakt -- "$program" "$@"
