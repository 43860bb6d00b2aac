/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Bytes held for clients, by user: one of them cannot use up the daemon's memory for all. */
#ifndef PEP_SERVER_QUOTA_H
#define PEP_SERVER_QUOTA_H

#include "common/error.h"

struct quota_user;

struct quota {
	size_t limit;             /* bytes a user */
	struct quota_user *users; /* that hold something; owned */
};

/* The user holds `bytes` more. ERROR_LIMIT QUOTA_FULL above the limit, and then not. */
int quota_charge(struct quota *q, uint32_t uid, size_t bytes, struct error *err);
/* Gives back what was charged. */
void quota_release(struct quota *q, uint32_t uid, size_t bytes);

#endif
