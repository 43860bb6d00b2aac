#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The layering check passes on the tree and fails on each kind of upward include.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
check=$root/tests/lib/layering
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

"$check" "$root"

refuses() { # FILE INCLUDE
	rm -rf "${copy:?}"/*
	for room in bpf common server client; do
		if [ -d "$root/$room" ]; then cp -r "$root/$room" "$copy"; fi
	done
	"$check" "$copy" >/dev/null
	mkdir -p "$copy/$(dirname "$2")"
	touch "$copy/$2"
	printf '#include "%s"\n' "$2" >>"$copy/$1"
	if "$check" "$copy" >"$copy/out"; then
		echo "an include of $2 in $1 went unnoticed" >&2
		exit 1
	fi
	grep -q "^$1:" "$copy/out"
}
refuses bpf/parse.h common/error.h
refuses common/error.h server/datapath.h
refuses server/datapath.h server/policy_store.h
refuses server/policy_store.h server/daemon.h
refuses server/classifier.h server/datapath.h
refuses server/netlink.h server/policy_store.h
refuses common/policy.h bpf/common.h
