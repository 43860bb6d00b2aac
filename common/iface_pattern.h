/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Names of interfaces that need not exist yet: a `*` stands for any characters, also
 * none, as "veth*". No interface that policies can name has one in its name.
 */
#ifndef PEP_COMMON_IFACE_PATTERN_H
#define PEP_COMMON_IFACE_PATTERN_H

#include "common/policy.h"

/* A pattern: 1-15 bytes with a star, whose others iface_name_valid() allows. */
bool iface_pattern_valid(const char *name);

/* What may be attached: the name of an interface, or a pattern. */
bool iface_or_pattern_valid(const char *name);

/* Whether the whole name is one that the pattern stands for. */
bool iface_pattern_matches(const char *pattern, const char *name);

#endif
