/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "snapshot.h"

#include <stdio.h>

#include <bpf/bpf.h>

#include "cmocka_all.h"
#include "common/table.h"
#include "frame.h"

static int pinned(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), SNAPSHOT_PINS "/maps/%s", name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static uint64_t policy_map(void)
{
	int fd = pinned("policy_map");
	struct pep_policy value;
	uint32_t key, *at = NULL;
	uint64_t all = 0;

	for (; !bpf_map_get_next_key(fd, at, &key); at = &key) {
		assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
		all += table_hash(&value, sizeof(value)) ^ key; /* in any order */
	}
	close(fd);
	return all;
}

/* How many elements there are; with `ret`, what stands in them. */
static size_t elements(const char *name, uint32_t count, uint64_t *ret)
{
	int fd = pinned(name);
	size_t there = 0;
	uint32_t value;

	for (uint32_t i = 0; i < count; i++)
		if (!bpf_map_lookup_elem(fd, &i, &value)) {
			there++;
			if (ret)
				*ret += (i + 1) * (uint64_t)value;
		}
	close(fd);
	return there;
}

static uint64_t decisions(struct datapath *dp)
{
	static const char *const texts[] = {"ip4 tcp dport=80", "bad4 tcp dport=80",
		"ip4 udp dport=53", "ip6 udp dport=53", "ip4 tcp dport=22", "ip4 gre"};
	static struct frame frame;
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct pep_explain answer;

		frame_build(&frame, texts[i]);
		assert_int_equal(
			datapath_explain(dp, frame.data, frame.size, 0, "in0", &answer), 0);
		answer.ruling.parity = 0;
		all = all * 31 + table_hash(&answer.ruling, sizeof(answer.ruling));
	}
	return all;
}

static uint64_t counters(struct datapath *dp, const struct classifier *classifier)
{
	static const char *const names[] = {"web", "dns", "away", "set"};
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint32_t slot = classifier_slot(classifier, names[i]);
		struct datapath_figures row = {0};

		if (slot != PEP_SLOT_NONE)
			datapath_policy_stats(dp, slot, &row);
		all = all * 31 + slot;
		all = all * 31 + row.packets;
	}
	return all;
}

struct snapshot snapshot_take(struct datapath *dp, struct classifier *classifier)
{
	struct snapshot s = {.policies = policy_map(),
		.decisions = decisions(dp),
		.counters = counters(dp, classifier),
		.generation = datapath_generation(dp),
		.revision = datapath_revision(dp),
		.chunks = elements("set_map", PEP_CHUNKS_MAX, NULL),
		.ifaces = datapath_iface_count(dp)};

	elements("redirect_map", 1, &s.redirects); /* of what stands; what was undone may stay */
	classifier_info(classifier, &s.info);
	return s;
}
