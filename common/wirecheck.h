/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What protobuf-c does not check of a message before it unpacks it: a NUL in
 * a string truncates silently, broken UTF-8 passes, unknown fields are kept,
 * nested messages recurse. This walks the bytes by the message's descriptor.
 */
#ifndef PEP_COMMON_WIRECHECK_H
#define PEP_COMMON_WIRECHECK_H

#include <protobuf-c/protobuf-c.h>

#include "common/error.h"

#define WIRECHECK_DEPTH_MAX 16u /* the deepest message of pepctl.proto has 6 levels */

/*
 * 0, or -EINVAL with a violation that names the field by its path
 * ("operations[3].put_policy.name"), in which repeated fields of the outermost
 * message count from `first`. Unknown fields are a violation only with
 * `refuse_unknown`. Of bytes that are no protobuf at all, the path is that of
 * the message in which they stand.
 */
int wirecheck(const ProtobufCMessageDescriptor *descriptor, const void *data, size_t size,
	bool refuse_unknown, size_t first, struct error *err);

/* Valid UTF-8 (RFC 3629) without NUL. */
bool wirecheck_utf8(const uint8_t *data, size_t size);
/* Whether a text of valid UTF-8 has any of C0, DEL and C1: what a terminal or a log might obey. */
bool wirecheck_has_control(const char *text);

#endif
