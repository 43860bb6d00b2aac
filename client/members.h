/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Members on their way: from files into changes, and from a listing. */
#ifndef PEP_CLIENT_MEMBERS_H
#define PEP_CLIENT_MEMBERS_H

#include "client/call.h"
#include "common/netset.h"

#define MEMBERS_PIECE                                                                              \
	(60u << 10) /* bytes of members of one operation: a message stays under 64 KiB */

/*
 * Adds the members of a block-list file; "-" is standard input. 0, -EINVAL with
 * problems (lines) or with `err` (the file cannot be read), or -ENOMEM.
 */
int members_read_file(const char *path, struct member_list *list, struct text_problems *problems,
	struct error *err);

/*
 * The same of the file that a set of a policy file names, if it does: change->file, whose relative
 * names count from `folder`, NULL = the working directory. What was read of a bad one stays.
 */
int members_load(struct change *change, const char *folder, struct text_problems *problems,
	struct error *err);

/*
 * Cuts changes whose members are more than a piece into several that belong
 * together; they stand side by side. 0 or -ENOMEM.
 */
int members_split(struct change_list *changes);

/* All members of a set, of one state of it; `arena` is used. */
int members_list(struct client *client, const char *set, struct arena *arena,
	struct member_list *ret, struct error *err);

#endif
