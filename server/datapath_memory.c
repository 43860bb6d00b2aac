/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the classifier works in. */
#include "server/datapath_chunks.h"
#include "server/datapath_internal.h"

uint32_t datapath_iface_slot(struct datapath *dp, const char *name)
{
	uint32_t slot = slot_of_iface(dp, name);

	dp->named[slot] = slot != 0;
	return slot;
}

static uint32_t iface_slot(void *data, const char *iface)
{
	return datapath_iface_slot(data, iface);
}

static int chunks_make(void *data, uint32_t first, uint32_t count)
{
	struct datapath *dp = data;

	return datapath_chunks_make(dp->maps.fds[MAP_SET], &dp->maps.tables, first, count);
}

static void chunks_drop(void *data, uint32_t first, uint32_t count)
{
	struct datapath *dp = data;

	datapath_chunks_drop(dp->maps.fds[MAP_SET], &dp->maps.tables, first, count);
}

static void grace(void *data)
{
	(void)data;
	datapath_grace();
}

struct classifier_memory datapath_memory(struct datapath *dp)
{
	return (struct classifier_memory){
		.tables = &dp->maps.tables,
		.iface_slot = iface_slot,
		.chunks_make = chunks_make,
		.chunks_drop = chunks_drop,
		.grace = grace,
		.data = dp,
	};
}
