#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# test_demo.sh BUILD_DIR   the demo comes to its end, and writes plain text into a pipe.
set -euo pipefail
build=$(realpath "$1")
out=$(TERM=xterm PEPCTL_DEMO_BUILD=$build "$(dirname "$0")/../../packaging/demo" 2>&1) || {
	printf '%s\n' "$out" | tail -n 40
	exit 1
}
[[ $out == *'# Done; everything is taken away again'* ]] || { echo "it did not end"; exit 1; }
[[ $out != *$'\x1b'* ]] || { echo "there are terminal escapes in it"; exit 1; }
[[ $out == *'adopted: the pinned maps go on'* ]] || { echo "it does not show the adoption"; exit 1; }
