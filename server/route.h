/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the kernel would send to (rtnetlink(7)). */
#ifndef PEP_SERVER_ROUTE_H
#define PEP_SERVER_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

struct route {
	uint32_t device; /* its index, 0 = there is no route */
	bool local;      /* to this host itself */
};

/*
 * Of packets of the family (4 or 6) between these addresses (4 or 16 bytes); `bound` is
 * the interface or VRF that the socket is bound to, 0 = none. `fd` is a socket of NETLINK_ROUTE.
 */
struct route route_find(
	int fd, uint8_t family, const uint8_t *from, const uint8_t *to, uint32_t bound);

#endif
