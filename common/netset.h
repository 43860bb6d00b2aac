/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The usual block-list file: an address, a prefix or a range a-b on each line,
 * `#` and `;` begin comments. The command reads such files for sets, and the
 * daemon keeps large sets in them.
 */
#ifndef PEP_COMMON_NETSET_H
#define PEP_COMMON_NETSET_H

#include "common/text.h"

#define NETSET_PROBLEMS_MAX 10000u /* that are told one by one */

/*
 * Adds the members of `size` bytes at `data`, which need not end with a NUL, to
 * `list`. Every bad line is a problem with its number and word. Returns 0;
 * -EINVAL or -ENOMEM, and the list may have some of the members.
 */
int netset_parse(
	const char *data, size_t size, struct member_list *list, struct text_problems *problems);

/* The members, each a line, to the end of `out`. 0 or -ENOMEM. */
int netset_write(const struct member_list *list, FILE *out);

#endif
