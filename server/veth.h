/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The other end of a veth, also in another network namespace (rtnetlink(7)): the kernel drops what
 * XDP sends through this end, and says nothing, when the other one is not prepared to take it.
 */
#ifndef PEP_SERVER_VETH_H
#define PEP_SERVER_VETH_H

enum veth_end {
	VETH_NONE,    /* the interface is no veth, or there is none of the name */
	VETH_UNKNOWN, /* of a namespace that is out of sight */
	VETH_PLAIN,   /* no XDP program in native mode there: XDP_TX is lost, redirects without GRO */
	VETH_PROGRAM, /* it takes all */
};

enum veth_end veth_end_of(const char *name);

#endif
