/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ListRevisions and ConfirmRevision. */
#include <errno.h>
#include <inttypes.h>

#include "journal.pb-c.h"
#include "server/service.h"

#define PAGE_BYTES ((size_t)1 << 20)

static Pepctl__V1__Revision *revision_of(struct call *call, const uint8_t *bytes, size_t size)
{
	Pepctl__V1__Revision *m = SERVICE_MESSAGE(call, revision);
	Pepctl__Journal__Commit *commit =
		pepctl__journal__commit__unpack(&call_arena(call)->allocator, size, bytes);

	if (!m || !commit)
		return NULL;
	m->revision = commit->revision;
	m->time = commit->time;
	m->uid = commit->uid;
	m->pid = commit->pid;
	m->command = commit->command;
	m->comment = commit->comment;
	m->changes = commit->changes;
	m->n_changes = commit->n_changes;
	m->changes_total = commit->changes_total;
	return m;
}

/* Where the page begins: behind the revision that the token names. */
static int first_of(struct service *s, const char *token, size_t *ret, struct error *err)
{
	uint64_t before;
	int r;

	*ret = 0;
	if (!*token)
		return 0;
	r = service_read_token(token, 1, &before, err);
	if (r)
		return r;
	if (before > store_revision(s->store))
		return error_violation(err, "page_token", "it was not given by this daemon");
	*ret = (size_t)(store_revision(s->store) + 1 - before);
	return 0;
}

static int fill(struct service *s, struct call *call, size_t at, size_t most,
	Pepctl__V1__ListRevisionsResponse *answer)
{
	size_t size = 0, bytes = 0;
	const uint8_t *commit;
	uint64_t waiting;
	int64_t left = store_confirm_left(s->store, &waiting);

	answer->revisions = arena_array(call_arena(call), STORE_HISTORY_MAX, sizeof(*answer->revisions));
	if (!answer->revisions)
		return -ENOMEM;
	while ((commit = store_commit_at(s->store, at, &size)) && answer->n_revisions < most &&
		(!bytes || bytes + size < PAGE_BYTES)) {
		Pepctl__V1__Revision *m = revision_of(call, commit, size);

		if (!m)
			return -ENOMEM;
		m->confirm_left_nano = m->revision == waiting ? left : 0;
		answer->revisions[answer->n_revisions++] = m;
		bytes += size;
		at++;
	}
	if (commit)
		answer->next_page_token = arena_printf(call_arena(call), "%" PRIu64,
			answer->revisions[answer->n_revisions - 1]->revision);
	return answer->next_page_token ? 0 : -ENOMEM;
}

static void list_revisions(void *data, struct call *call)
{
	const Pepctl__V1__ListRevisionsRequest *request = call_request(call);
	Pepctl__V1__ListRevisionsResponse *answer = SERVICE_MESSAGE(call, list_revisions_response);
	struct service *s = data;
	struct error err = ERROR_INIT;
	size_t first;

	if (first_of(s, request->page_token, &first, &err)) {
		call_fail(call, &err);
		return;
	}
	if (!answer || fill(s, call, first, request->page_size ? request->page_size : STORE_HISTORY_MAX, answer)) {
		service_fail_memory(call);
		return;
	}
	answer->revision = store_revision(s->store);
	answer->oldest = store_oldest(s->store);
	call_reply(call, &answer->base);
}

static void on_confirmed(void *data, const struct store_result *result, struct error *err)
{
	Pepctl__V1__ConfirmRevisionResponse *answer;
	struct call *call = data;

	if (err) {
		call_fail(call, err);
		return;
	}
	answer = SERVICE_MESSAGE(call, confirm_revision_response);
	if (!answer) {
		service_fail_memory(call);
		return;
	}
	answer->revision = result->revision;
	call_reply(call, &answer->base);
}

static void confirm_revision(void *data, struct call *call)
{
	const Pepctl__V1__ConfirmRevisionRequest *request = call_request(call);
	struct service *s = data;
	struct store_tx tx;

	service_tx_init(call, &tx);
	tx.kind = STORE_CONFIRM;
	tx.target = request->revision;
	store_submit(s->store, &tx, on_confirmed, call);
}

void service_history_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_LIST_REVISIONS, list_revisions, s);
	rpc_handle(s->rpc, METHOD_CONFIRM_REVISION, confirm_revision, s);
}
