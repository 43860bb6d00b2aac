/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Through which interface the kernel would send (rtnetlink(7)). */
#ifndef PEP_SERVER_ROUTE_H
#define PEP_SERVER_ROUTE_H

#include <stdint.h>

/*
 * Its index, of packets of the family (4 or 6) between these addresses (4 or 16 bytes); `bound` is
 * the interface or VRF that the socket is bound to, 0 = none. 0 = there is no route. `fd` is a
 * socket of NETLINK_ROUTE.
 */
uint32_t route_device(
	int fd, uint8_t family, const uint8_t *from, const uint8_t *to, uint32_t bound);

#endif
