#!/bin/sh
# Leaves out of an environment what never runs in the container. Run while building the image:
#   ops/slim.sh /opt/visionsvakt
set -eu
site=$(echo "$1"/lib/python3.*/site-packages)

# What only an installer, a coloured terminal or Typer's own coercion needs (cli/frame.py has ours).
"$1"/bin/python -m pip uninstall --yes --quiet annotated-types markdown-it-py mdurl pydantic \
    pydantic-core pygments rich typing-inspection setuptools pip
# Holidays are asked for Sweden only, databases are SQLite and PostgreSQL, migrations are ours.
find "$site"/holidays/countries -name '*.py' ! -name '__init__.py' ! -name 'sweden.py' -delete
echo 'from holidays.countries.sweden import SE, SWE, Sweden' >"$site"/holidays/countries/__init__.py
find "$site"/holidays/locale -mindepth 1 -maxdepth 1 ! -name 'sv*' ! -name 'en_US' -exec rm -rf {} +
rm -rf "$site"/sqlalchemy/dialects/mssql "$site"/sqlalchemy/dialects/mysql \
    "$site"/sqlalchemy/dialects/oracle "$site"/sqlalchemy/testing "$site"/alembic/templates \
    "$site"/alembic/testing
find "$1" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
find "$1" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.c' -o -name '*.h' \
    -o -name '*.cpp' -o -name '*.hpp' \) -delete
find "$1" -type f -name '*.so*' -exec strip --strip-unneeded {} + 2>/dev/null || true

# Nothing can be compiled later, on a root that is only read. Of other people's code the bytecode
# alone is kept; ours stays readable, and the migrations must be.
"$1"/bin/python -m compileall -q -b --invalidation-mode unchecked-hash "$site"
for module in "$site"/*; do
    case ${module##*/} in
        cli | monitor | notifications | pipeline | presentation | snapshots | web | worker) continue ;;
        scheduler.py | settings.py | wiring.py) continue ;;
    esac
    find "$module" -type f -name '*.py' -delete
done
for module in cli monitor notifications pipeline presentation snapshots web worker scheduler settings wiring; do
    find "$site/$module" "$site/$module".pyc -type f -name '*.pyc' -delete 2>/dev/null || true
done
"$1"/bin/python -m compileall -q --invalidation-mode unchecked-hash \
    "$site"/cli "$site"/monitor "$site"/notifications "$site"/pipeline "$site"/presentation \
    "$site"/snapshots "$site"/web "$site"/worker "$site"/scheduler.py "$site"/settings.py \
    "$site"/wiring.py
