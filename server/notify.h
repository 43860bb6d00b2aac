/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The service manager's notification socket (sd_notify(3)); nothing without one. */
#ifndef PEP_SERVER_NOTIFY_H
#define PEP_SERVER_NOTIFY_H

void notify(const char *state); /* "READY=1" */

#endif
