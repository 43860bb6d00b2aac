/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A transaction on its way from its request to its answer: what service_apply*.c share. */
#ifndef PEP_SERVER_SERVICE_APPLY_H
#define PEP_SERVER_SERVICE_APPLY_H

#include "server/service.h"

struct apply {
	struct service *service;
	struct call *call;
	struct store_tx tx;
	struct service_warnings warnings;
	struct arena arena; /* of them */

	/* ApplyStream */
	uv_timer_t *timer; /* of the deadline; NULL = none */
	char *comment;     /* owned; tx has it too */
	char *request_id;  /* the same; NULL = none */
	size_t messages;
	size_t held; /* charged to the user */
};

/* What the requests have beside their operations. */
struct apply_options {
	Pepctl__V1__ApplyMode mode;
	bool has_expected, validate_only, force;
	uint64_t expected;
	int64_t confirm_timeout;
	const char *request_id, *comment;
	Pepctl__V1__Flow *const *protect;
	size_t protect_count;
};
#define ROLLBACK_OPTIONS(request)                                                                  \
	((struct apply_options){                                                                   \
		.has_expected = (request)->expected_present_case,                                  \
		.validate_only = (request)->validate_only,                                         \
		.force = (request)->force,                                                         \
		.expected = (request)->expected_revision,                                          \
		.confirm_timeout = (request)->confirm_timeout_nano,                                \
		.request_id = (request)->request_id,                                               \
		.comment = (request)->comment,                                                     \
		.protect = (request)->protect,                                                     \
		.protect_count = (request)->n_protect,                                             \
	})
#define APPLY_OPTIONS(request)                                                                     \
	({                                                                                         \
		struct apply_options options_ = ROLLBACK_OPTIONS(request);                         \
		options_.mode = (request)->mode;                                                   \
		options_;                                                                          \
	})

struct apply *service_apply_new(struct service *s, struct call *call); /* NULL = no memory */
void service_apply_free(struct apply *a);
void service_apply_untimed(struct apply *a); /* the store minds the deadline from now on */
int service_read_apply(const struct apply_options *options, struct store_tx *ret, struct error *err);
/* Adds what was done as asked, and yet may not be what was meant. */
int service_apply_warnings(struct apply *a, Pepctl__V1__Operation *const *operations, size_t count,
	struct error *err);
/* A store_done with a struct apply: answers and frees. */
void service_on_applied(void *apply, const struct store_result *result, struct error *err);

#endif
