/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* NAME ACTION [KEY VALUE]... into a policy. */
#include <errno.h>

#include "common/text_internal.h"

/* Contradictions between words are told at one of them. */
static int check(struct text_words *w, size_t start, const struct policy *p)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (!policy_validate(p, "", &err))
		return 0;
	for (size_t i = 0; i < err.violation_count; i++)
		text_problem_add(w, text_word_of_field(w, start, err.violations[i].field), "policy %s: %s",
			p->name, err.violations[i].description);
	return -EINVAL;
}

static int read_name(struct text_words *w, struct policy *p)
{
	const char *name = text_next(w, "the policy's name");

	if (!name)
		return -EINVAL;
	if (!policy_name_valid(name))
		return text_problem_add(w, w->at - 1, "\"%s\" is no name: 1 to %u of [A-Za-z0-9._-]", name,
			POLICY_NAME_MAX);
	snprintf(p->name, sizeof(p->name), "%s", name);
	return 0;
}

static int read_keys(struct text_words *w, struct policy *p)
{
	uint32_t seen = 0;
	int r = 0;

	while (r != -ENOMEM && w->at < w->count)
		r = text_worse(r, text_read_key(w, p, &seen));
	return r;
}

static int read_action(struct text_words *w, struct policy *p)
{
	size_t before = w->at;
	int r = text_read_action(w, &p->action);

	if (r && w->at > before)
		text_step_back(w);
	if (r)
		text_skip_to_key(w);
	return r;
}

int text_read_policy(struct text_words *w, struct policy *ret)
{
	_cleanup_policy_ struct policy p;
	size_t start = w->at;
	int r;

	policy_init(&p);
	r = read_name(w, &p);
	if (w->at < w->count || !r)
		r = text_worse(r, read_action(w, &p));
	if (r != -ENOMEM)
		r = text_worse(r, read_keys(w, &p));
	if (!r)
		r = check(w, start, &p);
	if (r)
		return r;
	*ret = p;
	policy_init(&p);
	return 0;
}

int text_parse_fields(const char *const words[], size_t count, struct policy *ret,
	struct text_problems *problems)
{
	struct text_words w = {.words = words, .count = count, .problems = problems};
	_cleanup_policy_ struct policy p;
	int r;

	policy_init(&p);
	r = read_name(&w, &p);
	r = text_worse(r, read_keys(&w, &p));
	if (r)
		return r;
	*ret = p;
	policy_init(&p);
	return 0;
}
