/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/lease.h"

#include "common/member_proto.h"

#define PIECE_MEMBERS  60000u /* a megabyte at most: the daemon is not busy with one for long */
#define ENVELOPE_BYTES 4096u  /* of a frame, for all that is not members */

static char *text_of(const char *text)
{
	return (char *)(uintptr_t)(text ? text : "");
}

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
}

/* --- a piece: some of the members, and in which order the message has them */

struct piece {
	struct member_list list;
	uint32_t *order; /* place in `list` by index of the message; owned */
};

static void piece_deinit(struct piece *piece)
{
	member_list_deinit(&piece->list);
	free(piece->order);
}

static bool is_prefix(const struct member *m)
{
	return m->length != (m->family == 4 ? 32 : 128);
}

/* As members_to_proto() does: addresses and prefixes of IPv4, then of IPv6. */
static int put_in_order(struct piece *piece)
{
	size_t count = member_list_count(&piece->list), at = 0;

	piece->order = calloc(count + 1, sizeof(*piece->order));
	for (unsigned int form = 0; piece->order && form < 4; form++)
		for (size_t i = 0; i < count; i++) {
			struct member m = member_list_at(&piece->list, i);

			if (is_prefix(&m) == (form & 1) && (m.family == 6) == (form >> 1))
				piece->order[at++] = (uint32_t)i;
		}
	return piece->order ? 0 : -1;
}

/* Up to `most` members from `*at` on, which moves on. */
static int cut(const struct member_list *members, size_t *at, size_t most, struct piece *ret)
{
	size_t end = MIN(member_list_count(members), *at + most);

	*ret = (struct piece){0};
	for (; *at < end; ++*at) {
		struct member m = member_list_at(members, *at);

		if (member_list_push(&ret->list, &m) < 0)
			return -1;
	}
	return put_in_order(ret);
}

/* --- holding */

static void tell(const struct lease_told *told, const struct piece *piece, uint32_t index,
	const char *reason)
{
	struct member m;

	if (index >= member_list_count(&piece->list))
		return; /* of a daemon that counts in another way */
	m = member_list_at(&piece->list, piece->order[index]);
	told->note(told->data, &m, reason);
}

static void tell_all(const struct lease_told *told, const struct piece *piece,
	const Pepctl__V1__LeaseMembersResponse *answer)
{
	for (size_t i = 0; told->warning && i < answer->n_warnings; i++)
		told->warning(told->data, answer->warnings[i]);
	for (size_t i = 0; told->note && i < answer->n_rejected; i++)
		tell(told, piece, answer->rejected[i]->index, answer->rejected[i]->reason);
	for (size_t i = 0; told->note && i < answer->n_kept; i++)
		tell(told, piece, answer->kept[i], NULL);
}

static void add(const Pepctl__V1__LeaseMembersResponse *answer, struct lease_answer *ret)
{
	ret->added += answer->added;
	ret->refreshed += answer->refreshed;
	ret->unchanged += answer->unchanged;
	ret->released += answer->released;
	ret->rejected += answer->rejected_total;
	ret->kept += answer->kept_total;
	ret->revision = answer->revision;
}

static int send_piece(struct client *client, enum method_id method,
	const struct lease_request *request, const struct piece *piece,
	const struct lease_told *told, struct arena *arena, struct lease_answer *ret,
	struct error *err)
{
	Pepctl__V1__LeaseMembersResponse *answer;
	Pepctl__V1__LeaseMembersRequest m;
	int r;

	arena_reset(arena);
	pepctl__v1__lease_members_request__init(&m);
	m.set = text_of(request->set);
	m.owner = text_of(request->owner);
	m.ttl_nano = request->ttl;
	m.shorten = request->shorten;
	m.ban = request->ban;
	m.force = request->force;
	m.members = members_to_proto(&piece->list, arena);
	if (!m.members)
		return no_memory(err);
	r = call_unary(client, method, &m.base, arena, &answer, err);
	if (r)
		return r;
	tell_all(told, piece, answer);
	add(answer, ret);
	return 0;
}

static int send_pieces(struct client *client, enum method_id method, size_t most,
	const struct lease_request *request, const struct member_list *members,
	const struct lease_told *told, struct arena *arena, struct lease_answer *ret,
	struct error *err)
{
	size_t at = 0;
	int r;

	do {
		struct piece piece;

		r = cut(members, &at, most, &piece) < 0
			    ? no_memory(err)
			    : send_piece(client, method, request, &piece, told, arena, ret, err);
		piece_deinit(&piece);
	} while (!r && at < member_list_count(members));
	return r;
}

int lease_hold(struct client *client, const struct lease_request *request,
	const struct member_list *members, const struct lease_told *told, struct arena *arena,
	struct lease_answer *ret, struct error *err)
{
	return send_pieces(client, METHOD_LEASE_MEMBERS, PIECE_MEMBERS, request, members, told,
		arena, ret, err);
}

int lease_reconcile(struct client *client, const struct lease_request *request,
	const struct member_list *members, const struct lease_told *told, struct arena *arena,
	struct lease_answer *ret, struct error *err)
{
	size_t bytes = members->v4_count * sizeof(struct member4) +
		       members->v6_count * sizeof(struct member6);

	if (bytes > FRAME_BODY_MAX - ENVELOPE_BYTES)
		return error_set(err, ERROR_LIMIT, "REQUEST_TOO_LARGE",
			"%zu members are more than a message of %u MiB has room for, and a "
			"reconcile "
			"is one message; hold and release them instead",
			member_list_count(members), FRAME_BODY_MAX >> 20);
	return send_pieces(client, METHOD_RECONCILE_MEMBERS, SIZE_MAX / 2, request, members, told,
		arena, ret, err);
}

/* --- releasing */

static int release_piece(struct client *client, const struct lease_request *request,
	const struct member_list *members, struct arena *arena, struct lease_answer *ret,
	struct error *err)
{
	Pepctl__V1__ReleaseMembersResponse *answer;
	Pepctl__V1__ReleaseMembersRequest m;
	int r;

	pepctl__v1__release_members_request__init(&m);
	m.set = text_of(request->set);
	m.owner = text_of(request->owner);
	m.any_owner = request->any_owner;
	m.all = !members;
	m.members = members ? members_to_proto(members, arena) : NULL;
	if (members && !m.members)
		return no_memory(err);
	r = call_unary(client, METHOD_RELEASE_MEMBERS, &m.base, arena, &answer, err);
	if (r)
		return r;
	ret->released += answer->released;
	ret->missing += answer->missing;
	return 0;
}

int lease_release(struct client *client, const struct lease_request *request,
	const struct member_list *members, struct arena *arena, struct lease_answer *ret,
	struct error *err)
{
	size_t at = 0;
	int r;

	do {
		struct piece piece = {0};

		arena_reset(arena);
		if (members && cut(members, &at, PIECE_MEMBERS, &piece) < 0)
			r = no_memory(err);
		else
			r = release_piece(
				client, request, members ? &piece.list : NULL, arena, ret, err);
		piece_deinit(&piece);
	} while (!r && members && at < member_list_count(members));
	return r;
}

/* --- a listing */

static int each_of(const Pepctl__V1__ListLeasesResponse *page,
	int (*each)(void *data, const struct lease_line *line), void *data)
{
	int stop = 0;

	for (size_t i = 0; i < page->n_leases && !stop; i++) {
		const Pepctl__V1__Lease *m = page->leases[i];

		stop = each(data, &(struct lease_line){m->set, m->member, m->owner, m->left_nano});
	}
	return stop;
}

int lease_each(struct client *client, const char *set, const char *owner, struct arena *arena,
	int (*each)(void *data, const struct lease_line *line), void *data, struct error *err)
{
	_cleanup_free_ char *token = strdup("");
	Pepctl__V1__ListLeasesRequest request;

	pepctl__v1__list_leases_request__init(&request);
	request.set = text_of(set);
	request.owner = text_of(owner);
	request.page_size = UINT32_MAX;
	do {
		Pepctl__V1__ListLeasesResponse *page;
		int r;

		if (!token)
			return no_memory(err);
		arena_reset(arena);
		request.page_token = token;
		r = call_unary(client, METHOD_LIST_LEASES, &request.base, arena, &page, err);
		if (r)
			return r;
		if (each_of(page, each, data))
			return 0;
		free(token);
		token = strdup(page->next_page_token);
	} while (!token || *token);
	return 0;
}
