/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who holds what in a set, and for how long. */
#include <stdio.h>

#include "client/cli/confirm_state.h"
#include "client/cli/lease.h"
#include "common/array.h"

struct held {
	struct member member;
	char owner[MEMBER_OWNER_MAX + 1];
	int64_t left;
};

struct listing {
	struct held *list; /* owned */
	size_t count, room;
	bool failed;
};

static int keep(void *data, const struct lease_line *line)
{
	_cleanup_members_ struct member_list one = {0};
	struct listing *l = data;
	char message[160];
	struct held *held;

	if (member_list_add_text(&one, line->member, strlen(line->member), message) < 0 ||
		!member_list_count(&one) ||
		array_grow(&l->list, &l->room, l->count, sizeof(*l->list)) < 0) {
		l->failed = true;
		return 1;
	}
	held = &l->list[l->count++];
	held->member = member_list_at(&one, 0);
	held->left = line->left;
	snprintf(held->owner, sizeof(held->owner), "%s", line->owner);
	return 0;
}

/* As members are listed: IPv4 first, by address, then the shorter prefix. */
static int by_member(const void *a, const void *b)
{
	const struct held *p = a, *q = b;
	int order = (int)p->member.family - (int)q->member.family;

	if (!order)
		order = memcmp(p->member.bytes, q->member.bytes, sizeof(p->member.bytes));
	if (!order)
		order = (int)p->member.length - (int)q->member.length;
	return order ? order : strcmp(p->owner, q->owner);
}

void lease_format(const char *owner, int64_t left, char ret[static 128])
{
	char time[32];

	confirm_format_left(left, time);
	snprintf(ret, 128, "held by %s%s%s%s", owner, left ? ", " : " until released",
		left ? time : "", left ? " left" : "");
}

static void print(const struct held *held)
{
	char member[MEMBER_TEXT_SIZE], what[128];

	member_format(&held->member, member);
	lease_format(held->owner, held->left, what);
	printf("%-18s  %s\n", member, what);
}

static json_t *json_of(const struct held *held)
{
	char member[MEMBER_TEXT_SIZE], left[32];

	member_format(&held->member, member);
	confirm_format_left(held->left, left);
	return json_pack("{s:s, s:s, s:o}", "member", member, "owner", held->owner, "left",
		held->left ? json_string(left) : json_null());
}

int lease_show(struct cli *cli, const char *set, json_t *object)
{
	json_t *all = object ? json_array() : NULL;
	struct listing l = {0};
	struct error err = ERROR_INIT;
	int status = EXIT_DONE;

	if (lease_each(cli->client, set, "", &cli->arena, keep, &l, &err))
		status = cli_fail(&err);
	else if (l.failed)
		status = usage_error("out of memory");
	if (l.count)
		qsort(l.list, l.count, sizeof(*l.list), by_member);
	for (size_t i = 0; i < l.count && !status; i++)
		if (all)
			json_array_append_new(all, json_of(&l.list[i]));
		else
			print(&l.list[i]);
	if (all)
		json_object_set_new(object, "leases", all);
	free(l.list);
	return status;
}
