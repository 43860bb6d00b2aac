/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the classifier works in, and how much of it there may be. */
#include <errno.h>
#include <stdio.h>
#include <syslog.h>

#include "server/datapath_chunks.h"
#include "server/datapath_internal.h"

/* --- how much */

#define CHUNK_BYTES (PEP_CHUNK_LINES * sizeof(struct pep_line))

/* As the kernel tells it (/proc/PID/fdinfo, exact since Linux 6.4, from the sizes before). */
static uint64_t map_memory(int fd)
{
	unsigned long long bytes = 0;
	char path[48], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "memlock: %llu", &bytes) != 1)
		;
	if (file)
		fclose(file);
	return bytes;
}

static uint64_t memory_with(const struct datapath *dp, uint32_t chunks)
{
	return dp->fixed_memory + chunks * (uint64_t)CHUNK_BYTES;
}

int datapath_memory_open(struct datapath *dp, struct error *err)
{
	uint64_t limit = dp->options.memory_limit;

	dp->fixed_memory = 0;
	for (size_t i = 0; i < MAP_COUNT; i++)
		dp->fixed_memory += map_memory(dp->maps.fds[i]);
	if (!limit || dp->fixed_memory <= limit)
		return 0;
	return error_set(err, ERROR_LIMIT, "MEMORY_LIMIT",
		"the kernel's tables take %llu bytes without any set, and --memory-limit is %llu: raise it, or "
		"lower --max-policies, --max-buckets or --ring-size",
		(unsigned long long)dp->fixed_memory, (unsigned long long)limit);
}

void datapath_memory_limit(struct datapath *dp)
{
	uint64_t used, limit = dp->options.memory_limit;
	uint32_t chunks = 0;

	for (size_t i = 0; i < PEP_CHUNKS_MAX; i++)
		chunks += dp->maps.tables.chunks[i] != NULL;
	dp->chunks = chunks;
	dp->limited = limit;
	used = datapath_memory_used(dp);
	if (limit && used > limit)
		datapath_log(dp, LOG_WARNING,
			"the kernel's tables take %llu bytes with the sets there are, and --memory-limit is %llu: "
			"no set can grow beyond its tables; raise it, or make sets smaller",
			(unsigned long long)used, (unsigned long long)limit);
}

uint64_t datapath_memory_used(const struct datapath *dp)
{
	return memory_with(dp, dp->chunks);
}

/* --- what the classifier asks for */

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
	int r;

	if (dp->limited && memory_with(dp, dp->chunks + count) > dp->options.memory_limit)
		return -EDQUOT;
	r = datapath_chunks_make(dp->maps.fds[MAP_SET], &dp->maps.tables, first, count);
	if (!r)
		dp->chunks += count;
	return r;
}

static void chunks_drop(void *data, uint32_t first, uint32_t count)
{
	struct datapath *dp = data;

	datapath_chunks_drop(dp->maps.fds[MAP_SET], &dp->maps.tables, first, count);
	dp->chunks -= count;
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
