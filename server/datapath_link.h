/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One XDP link, and what the kernel tells of an interface. No state of its own. */
#ifndef PEP_SERVER_DATAPATH_LINK_H
#define PEP_SERVER_DATAPATH_LINK_H

#include "common/change.h"

struct link_result {
	int fd;
	enum attach_mode mode; /* native or generic */
	char reason[256];      /* why generic although auto was asked for; "" */
};

/*
 * Attaches the program. Refused: what is neither Ethernet nor loopback, a mode that the driver
 * does not have, an XDP program in place.
 */
int link_attach(int program, uint32_t ifindex, const char *name, enum attach_mode mode,
	struct link_result *ret, struct error *err);

uint32_t link_ifindex(int fd);    /* 0 = the interface is gone */
uint32_t link_program_id(int fd); /* 0 = unknown */

/*
 * Whether the link runs its program on the interface that has this index and this name here and
 * now. The index alone does not tell: the interface may have another name, or have moved to another
 * network namespace where indexes are given out anew.
 */
bool link_in_place(int fd, uint32_t ifindex, const char *name);

/* The mode in which an XDP program runs on the interface. */
enum attach_mode link_mode(const char *name);

/* Driver ("" unknown) and, when the card strips VLAN tags, the warning ("" = it does not). */
void link_describe(const char *name, char ret_driver[static 32], char ret_warning[static 160]);

#endif
