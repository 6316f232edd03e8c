#!/bin/sh
# Names every tool that building and trying salver needs and that is missing, with the way to get it.
missing=0

need() {
    command -v "$1" >/dev/null 2>&1 && return
    echo "salver needs '$1', which is not on PATH: $2" >&2
    missing=1
}

python=${1:-python3}
need "$python" "install Python 3.11 or newer (Debian: apt install python3 python3-venv), or: make PYTHON=/path/to/python"
need cargo "install Rust by rustup, see https://rustup.rs, then open a new shell"
need gcc "install a C compiler (Debian: apt install gcc libc6-dev)"
need openssl "install OpenSSL's command (Debian: apt install openssl)"
need curl "install curl (Debian: apt install curl)"
[ "$missing" = 0 ] || exit 1

"$python" - <<'PYTHON' || exit 1
import importlib.util
import sys

found = ".".join(map(str, sys.version_info[:3]))
if sys.version_info < (3, 11):
    sys.exit(f"salver needs Python 3.11 or newer, but {sys.executable} is {found}: make PYTHON=/path/to/newer/python")
if importlib.util.find_spec("ensurepip") is None:
    sys.exit(f"{sys.executable} cannot make virtual environments: install its venv module (Debian: apt install python3-venv)")
PYTHON
