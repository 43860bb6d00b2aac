/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A store of revision 1 that filters eth0, on a host with connections to port 22. */
#ifndef PEP_TESTS_PROTECT_WORLD_H
#define PEP_TESTS_PROTECT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_world.h"

/* From 10.0.0.9 ports 40000 and 40001, and between them one on the loopback interface. */
#define PROTECT_SESSIONS 3u
extern const struct session protect_sessions[PROTECT_SESSIONS];

int protect_setup(void **state); /* *state: the struct world */
int protect_teardown(void **state);
void protect_again(struct world *w); /* as after the setup */

/* Nothing has changed; the second is put in force. */
void protect_refused(const struct world *w, const struct answer *a, const char *reason);
void protect_committed(struct world *w, const struct answer *a);

#endif
