/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the state folder's disk refuses, with what to do about it. `error` is a positive errno. */
#ifndef PEP_SERVER_DISK_ERROR_H
#define PEP_SERVER_DISK_ERROR_H

#include "common/error.h"

/* "what: No space left on device; make room ..." as ERROR_PRECONDITION; returns its negative errno. */
int disk_refuses(struct error *err, const char *reason, const char *what, int error);

/* After a failed sync nobody knows what the disk has: ERROR_UNKNOWN, DURABILITY_UNKNOWN. */
int disk_unknown(struct error *err, const char *what, int error);

/* "; make room on ...", or "" when there is nothing to say. */
const char *disk_advice(int error);

#endif
