# The virtual environment that the other scripts share: sourced, never run. Needs $root.
#
# use_venv DIRECTORY WHAT sets $python to the interpreter of that environment, where WHAT is installed: "run" (what the
# router needs) or "dev" (what its developers need, too). A stamp in it tells what was installed, so that the next call
# has nothing to do.

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

# find_python: the first interpreter that is new enough, in $system_python.
find_python() {
    for system_python in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$system_python" ] || continue
        command -v "$system_python" >/dev/null 2>&1 || continue
        if "$system_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return 0
        fi
    done
    return 1
}

# install_debian PACKAGE...: as root; anybody else is told the one command.
install_debian() {
    command -v apt-get >/dev/null 2>&1 || fail "Please install: $*"
    [ "$(id -u)" = 0 ] || fail "Please run once: sudo apt-get install -y $*"
    say "Installing from Debian: $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1 && return 0
    DEBIAN_FRONTEND=noninteractive apt-get update >/dev/null || fail "apt-get update failed"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >/dev/null || fail "apt-get could not install: $*"
}

# need_python: Python 3.11 or newer that can make virtual environments (Debian packs that apart).
need_python() {
    find_python || install_debian python3 python3-venv
    find_python || fail "Python 3.11 or newer is needed; this system offers none."
    "$system_python" -c 'import ensurepip, venv' 2>/dev/null && return 0
    version=$("$system_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    case $("$system_python" -c 'import sys; print(sys.executable)') in
        /usr/bin/*) install_debian python3-venv "python$version-venv" ;;
        *) fail "$system_python has no ensurepip: please install the one of your distribution." ;;
    esac
}

# stamp_of WHAT: changes with everything that an installation depends on.
stamp_of() {
    {
        printf '%s %s\n' "$1" "$root"
        "$python" -c 'import sys; print(sys.version)'
        cat "$root/pyproject.toml" "$root/setup.py" "$root/constraints.txt"
    } | sha256sum | cut -d ' ' -f 1
}

make_venv() {
    python=$1/bin/python
    if [ -x "$python" ] && "$python" -c 'import pip' 2>/dev/null; then
        return 0
    fi
    need_python
    say "Creating $1"
    "$system_python" -m venv --clear "$1" || fail "cannot create $1"
}

pip_install() {
    "$python" -m pip install --quiet --disable-pip-version-check --constraint "$root/constraints.txt" "$@" || fail "pip could not install: $*"
}

# use_venv DIRECTORY WHAT: an environment for developers serves the router as well.
use_venv() {
    make_venv "$1"
    if [ -f "$1/.installed" ]; then
        installed=$(cat "$1/.installed")
        [ "$installed" != "$(stamp_of "$2")" ] || return 0
        [ "$installed" != "$(stamp_of dev)" ] || return 0
    fi
    extra=
    [ "$2" = run ] || extra="[$2]"
    say "Installing trafficcop$extra into $1"
    rm -f "$1/.installed"
    pip_install setuptools
    pip_install --no-build-isolation --editable "$root$extra"
    stamp_of "$2" >"$1/.installed"
}
