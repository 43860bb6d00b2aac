/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Random sessions for crash_session.h: changes of every kind, of which most are right. */
#ifndef PEP_TESTS_CRASH_RANDOM_H
#define PEP_TESTS_CRASH_RANDOM_H

#include "crash_session.h"

/* The steps stay until the next one is made. */
void crash_random(uint32_t seed, struct crash_session *ret);

#endif
