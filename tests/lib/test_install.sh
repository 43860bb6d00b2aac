#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# test_install.sh BUILD_DIR   what is installed under any prefix, or moved, finds itself there.
set -euo pipefail
build=$(realpath "$1")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
prefix=$copy/opt/pep

fail() {
	echo "$*" >&2
	exit 1
}

cmake --install "$build" --prefix "$prefix" >"$copy/log" || fail "$(cat "$copy/log")"
grep -qx "ExecStart=$prefix/sbin/pepctld" "$prefix/lib/systemd/system/pepctld.service" ||
	fail "the unit starts something else: $(grep ExecStart "$prefix/lib/systemd/system/pepctld.service")"
"$prefix/bin/pepctl" --version >/dev/null
"$prefix/sbin/pepctld" --version >/dev/null
for page in man1/pepctl.1 man5/pepctl-policy.5 man8/pepctld.8; do
	[ -f "$prefix/share/man/$page" ] || fail "no manual $page"
done

mv "$prefix" "$copy/moved"
PKG_CONFIG_PATH=$(dirname "$(find "$copy/moved" -name pepctl.pc)")
export PKG_CONFIG_PATH
flags=$(pkg-config --cflags --libs pepctl)
# A library with sanitizers needs a program with them.
grep -q '^PEP_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" && flags="$flags -fsanitize=address,undefined"
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
for example in "$copy/moved/share/doc/pepctl/examples"/*.c; do
	# shellcheck disable=SC2086 # words on purpose
	"$compiler" -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror "$example" -o "$copy/example" $flags
	LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH") PEPCTL_SOCKET=$copy/none "$copy/example" \
		</dev/null >"$copy/out" 2>&1 && fail "$example worked without a daemon"
	[ -s "$copy/out" ] && ! grep -q 'error while loading' "$copy/out" || fail "$example: $(cat "$copy/out")"
done
