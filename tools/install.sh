#!/usr/bin/env bash
# Makes the virtual environment $1 hold exactly what requirements.lock says, and this checkout, editable.
# Does nothing when it already does. Two runs at once wait for each other. With `screen` as second argument it
# sees to it that programs with a window can be tested as well, with `services` the trainer on PostgreSQL.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1
tested=${2:-}
quiet=-qq # where a person watches, pip shows its progress
if [ -t 1 ]; then quiet=''; fi

die() {
    echo "make install: $*" >&2
    exit 1
}

# A name per line: a command, and the Debian package that brings it.
#   ld   Concrete links every circuit it compiles
#   git  the house tests ask it which files are committed
#   libseccomp  keeps the trainer's engine from starting processes
#   Xvfb is a screen in memory, xdotool the hands before it; Tk draws the example of the documentation on it, and
#   Kivy the keyboard, with OpenGL by Mesa
#   ibus-daemon, applications of GTK and PyGObject of the system are for the input method; PyGObject has no wheels,
#   and building it needs a compiler and the headers of what is there already
#   postgres is started by the tests themselves
has_library() {
    ldconfig -p 2>/dev/null | grep -q "$1"
}

packages_missing() {
    command -v ld >/dev/null || echo binutils
    command -v git >/dev/null || echo git
    has_library libseccomp.so.2 || echo libseccomp2
    if [ "$tested" = screen ]; then
        command -v Xvfb >/dev/null || echo xvfb
        command -v xdotool >/dev/null || echo xdotool
        has_library libGL.so.1 || echo libgl1
        has_library libmtdev.so.1 || echo libmtdev1
        compgen -G '/usr/lib/*/dri/swrast_dri.so' >/dev/null || echo libgl1-mesa-dri
        command -v ibus-daemon >/dev/null || echo ibus
        command -v weston >/dev/null || echo weston
        command -v dbus-daemon >/dev/null || echo dbus
        command -v gdbus >/dev/null || echo libglib2.0-bin
        [ -d /usr/lib/python3/dist-packages/gi ] || echo python3-gi
        [ -d /usr/lib/python3/dist-packages/dbusmock ] || echo python3-dbusmock
        [ -d /usr/lib/python3/dist-packages/PyQt5 ] || echo python3-pyqt5
        for name in ibus-1.0:IBus-1.0 gtk-3.0:Gtk-3.0 gtk-4.0:Gtk-4.0 vte-2.91:Vte-2.91; do
            compgen -G "/usr/lib/*/girepository-1.0/${name#*:}.typelib" >/dev/null || echo "gir1.2-${name%:*}"
        done
        for name in gtk3:3.0 gtk4:4.0; do
            compgen -G "/usr/lib/*/gtk-${name#*:}/*/immodules/*im*ibus.so" >/dev/null || echo "ibus-${name%:*}"
        done
        if [ -n "$python" ]; then "$python" -c 'import tkinter' 2>/dev/null || echo python3-tk; fi
    fi
    if [ "$tested" = services ]; then
        compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null ||
            echo postgresql
    fi
    if [ -n "$python" ]; then
        "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    else
        echo python3 python3-venv
    fi
}

# The first interpreter that runs and is new enough, not too new; $PYTHON first if it is set.
find_python() {
    local name
    for name in "${PYTHON:-}" python3.11 python3.12 python3 python; do
        [ -n "$name" ] || continue
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

python=$(find_python)
missing=$(packages_missing | tr '\n' ' ')
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        die "needs these Debian packages, or what your system calls them: $missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # a list of names
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing
    python=$(find_python)
fi
[ -n "$python" ] || die "needs Python 3.11 or 3.12; set PYTHON=/path/to/python if it has another name"

exec 9>.install.lock
if command -v flock >/dev/null; then flock 9; fi

fingerprint() { cat "$@" | sha256sum | cut -d ' ' -f 1; }
locked=$(fingerprint requirements.lock)
project=$(fingerprint requirements.lock pyproject.toml)
stamp=$venv/.quietkeys-stamp # "LOCK PROJECT": what was installed, by fingerprint
if [ -f "$stamp" ]; then
    read -r have_locked have_project <"$stamp" || true
else
    have_locked='' have_project=''
fi

if [ "$have_locked" != "$locked" ]; then
    echo "make install: new environment in $venv, several GB; minutes the first time" >&2
    rm -rf "$venv"
    "$python" -m venv "$venv"
    # The lock is complete, so nothing is left to resolve, and two halves of equal size can be installed at once.
    # CUDA's libraries are one of them, see docs/decisions. Bytecode is written when a module is first used.
    halves=$(mktemp -d)
    trap 'rm -rf "$halves"' EXIT
    awk -v folder="$halves" '/^[a-z0-9]/ { half = /^(nvidia-|triton)/ ? "cuda" : "rest" }
        half { print >(folder "/" half) }' requirements.lock
    install_half() {
        "$venv/bin/python" -m pip install "${@:2}" --disable-pip-version-check --no-compile \
            --only-binary :all: --no-deps --require-hashes -r "$halves/$1"
    }
    install_half cuda -qq &
    cuda=$!
    install_half rest $quiet || die "packages could not be installed"
    wait $cuda || die "packages of CUDA could not be installed"
    # Only the compiler imports this, in a child that may not write beside it.
    "$venv/bin/python" -c 'import concrete.fhe'
    have_project=''
    echo "$locked" >"$stamp"
fi
if [ "$have_project" != "$project" ]; then
    "$venv/bin/python" -m pip install $quiet --disable-pip-version-check --no-compile \
        --no-build-isolation --no-deps --editable .
    echo "$locked $project" >"$stamp"
fi
