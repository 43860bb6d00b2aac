/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/members.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/member_proto.h"

#define LIST_TRIES 5u /* of a set that changes while it is listed */

/* --- files */

static int read_all(int fd, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, room = 0;

	for (;;) {
		ssize_t got;

		if (size == room) {
			char *grown = realloc(data, room = MAX(2 * room, 65536u));

			if (!grown)
				return -ENOMEM;
			data = grown;
		}
		got = read(fd, data + size, room - size);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		size += got > 0 ? (size_t)got : 0;
	}
	*ret_size = size;
	*ret = TAKE_PTR(data);
	return 0;
}

int members_read_file(const char *path, struct member_list *list, struct text_problems *problems,
	struct error *err)
{
	_cleanup_close_ int fd =
		streq(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *data = NULL;
	size_t size = 0;
	int r = fd < 0 ? -errno : read_all(fd, &data, &size);

	if (r) {
		error_set(err, ERROR_INVALID, "FILE", "%s: %s", path, strerror(-r));
		return -EINVAL;
	}
	return netset_parse(data, size, list, problems);
}

/* Makes the change name the file as it is opened. */
static int find_file(struct change *change, const char *folder)
{
	char *path;

	if (!folder || *change->file == '/' || streq(change->file, "-"))
		return 0;
	if (asprintf(&path, "%s/%s", folder, change->file) < 0)
		return -ENOMEM;
	free(change->file);
	change->file = path;
	return 0;
}

int members_load(struct change *change, const char *folder, struct text_problems *problems,
	struct error *err)
{
	int r = change->file ? find_file(change, folder) : 0;

	if (r || !change->file)
		return r;
	r = members_read_file(change->file, &change->members, problems, err);
	if (!r)
		free(TAKE_PTR(change->file));
	return r;
}

/* --- pieces */

static size_t size_of(const struct member_list *list)
{
	return list->v4_count * sizeof(struct member4) + list->v6_count * sizeof(struct member6);
}

/* What further pieces of it are. */
static enum change_kind further(enum change_kind kind)
{
	return kind == CHANGE_REMOVE_MEMBERS ? kind : CHANGE_ADD_MEMBERS;
}

/* Moves `whole` into `into`, piece by piece from member `at` on. */
static int push_pieces(struct change_list *into, struct change *whole)
{
	struct change piece = *whole;
	size_t at = 0;
	int r = 0;

	policy_init(&piece.policy);
	piece.file = NULL;
	do {
		piece.members = (struct member_list){0};
		while (!r && at < member_list_count(&whole->members) &&
			size_of(&piece.members) < MEMBERS_PIECE - sizeof(struct member6)) {
			struct member m = member_list_at(&whole->members, at++);

			r = member_list_push(&piece.members, &m);
		}
		if (!r)
			r = change_list_push(into, &piece);
		if (r)
			change_deinit(&piece);
		piece.kind = further(whole->kind);
		piece.allow_missing = whole->allow_missing;
		piece.origin = whole->origin;
		memcpy(piece.name, whole->name, sizeof(piece.name)); /* the push left it empty */
	} while (!r && at < member_list_count(&whole->members));
	return r;
}

int members_split(struct change_list *changes)
{
	_cleanup_changes_ struct change_list split = {0};
	struct change_list all;

	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->items[i];
		int r = size_of(&change->members) < MEMBERS_PIECE ? change_list_push(&split, change)
								  : push_pieces(&split, change);

		if (r)
			return r;
	}
	all = *changes;
	*changes = split;
	split = all; /* what is left of them goes */
	return 0;
}

/* --- a listing */

static int list_once(struct client *client, const char *set, struct arena *arena,
	struct member_list *ret, struct error *err)
{
	Pepctl__V1__ListSetMembersRequest request;
	Pepctl__V1__ListSetMembersResponse *answer;
	int r;

	pepctl__v1__list_set_members_request__init(&request);
	request.set = (char *)(uintptr_t)set;
	do {
		r = call_unary(client, METHOD_LIST_SET_MEMBERS, &request.base, arena, &answer, err);
		if (!r)
			r = members_from_proto(answer->members, "members", ret, err);
		if (!r)
			request.page_token = answer->next_page_token;
	} while (!r && *request.page_token);
	return r;
}

int members_list(struct client *client, const char *set, struct arena *arena,
	struct member_list *ret, struct error *err)
{
	for (unsigned int tries = LIST_TRIES;; tries--) {
		struct member_list list = {0};
		int r = list_once(client, set, arena, &list, err);

		if (!r) {
			*ret = list;
			return 0;
		}
		member_list_deinit(&list);
		if (tries == 1 || err->kind != ERROR_CONFLICT)
			return r;
		error_deinit(err);
	}
}
