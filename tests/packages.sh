#!/bin/sh
# packages.sh install|check PACKAGE..
#
# Are these Debian packages there? `install` gets the missing ones with
# apt-get, directly as root or through sudo, and says which; `check`, and a
# machine where neither works, only name them and fail.
set -eu

mode=$1
shift

if ! command -v dpkg-query >/dev/null; then
    echo "packages.sh: this is not Debian; install the equivalents yourself of: $*" >&2
    exit 0
fi

missing=
for package; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=sudo
fi
if [ "$mode" != install ] || { [ -n "$as_root" ] && ! command -v sudo >/dev/null; }; then
    echo "packages.sh: missing Debian packages; as root: apt-get install$missing" >&2
    exit 1
fi

echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
get() {
    # shellcheck disable=SC2086 # the list is words, sudo may be empty
    $as_root apt-get -q -y --no-install-recommends "$@" </dev/null
}
# The lists of a fresh machine are empty, those of an old one out of date.
# shellcheck disable=SC2086
get install $missing >/dev/null 2>&1 || { get update && get install $missing; }
