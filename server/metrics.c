/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include <dlfcn.h>
#include <microhttpd.h>

/*
 * --- the library, which comes with TLS and 3 MB: in memory only where somebody wants figures. It is
 * named by the ABI that its header is of.
 */

#define LIBRARY "libmicrohttpd.so.12"
#define FUNCTIONS(do)                                                                              \
	do(start_daemon) do(stop_daemon) do(run) do(get_timeout) do(get_daemon_info)               \
	do(create_response_from_buffer) do(add_response_header) do(queue_response) do(destroy_response)

static struct {
#define POINTER(name) __typeof__(&MHD_##name) name;
	FUNCTIONS(POINTER)
} http;

static int load(struct error *err)
{
	static const struct {
		const char *name;
		void **pointer;
	} wanted[] = {
#define ROW(name) {"MHD_" #name, (void **)(void *)&http.name},
		FUNCTIONS(ROW)
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; library && i < ARRAY_SIZE(wanted); i++) {
		*wanted[i].pointer = dlsym(library, wanted[i].name);
		if (!*wanted[i].pointer)
			library = NULL;
	}
	if (library)
		return 0;
	return error_set(err, ERROR_PRECONDITION, "METRICS",
		"--metrics needs a library: %s; apt-get install libmicrohttpd12", dlerror());
}

/* --- answers */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status, void *text,
	size_t size, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = http.create_response_from_buffer(size, text, mode);
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	http.add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		http.add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	r = http.queue_response(connection, status, response);
	http.destroy_response(response);
	return r;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status, const char *text)
{
	return reply(connection, status, (void *)(uintptr_t)text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size, void **state)
{
	size_t size;
	char *text;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)state;
	if (!streq(method, MHD_HTTP_METHOD_GET) && !streq(method, MHD_HTTP_METHOD_HEAD))
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	if (!streq(url, "/metrics"))
		return refuse(connection, MHD_HTTP_NOT_FOUND, "there is /metrics\n");
	text = metrics_text(((struct metrics *)data)->service, &size);
	if (!text)
		return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	return reply(connection, MHD_HTTP_OK, text, size, MHD_RESPMEM_MUST_FREE);
}

/* --- its events are the loop's */

#define RUN_LONGEST 500u /* ms */
#define RUNS_BEHIND 4u

static void on_timer(uv_timer_t *timer);

/*
 * With all connections in use the library stops listening, and which run begins again after some have
 * ended it does not tell: neither its descriptor nor its timeout says so. So it runs twice, each half
 * second while there are connections, and some times more when the last one has ended.
 */
static void run(struct metrics *m)
{
	MHD_UNSIGNED_LONG_LONG left = RUN_LONGEST;

	http.run(m->http);
	http.run(m->http);
	if (http.get_timeout(m->http, &left) == MHD_YES)
		m->runs_left = RUNS_BEHIND;
	else if (m->runs_left)
		m->runs_left--;
	if (m->runs_left) /* 0 ms would be run again in this turn */
		uv_timer_start(&m->timer, on_timer, 1 + MIN(left, (MHD_UNSIGNED_LONG_LONG)RUN_LONGEST), 0);
	else
		uv_timer_stop(&m->timer);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct metrics *m = poll->data;

	(void)status;
	(void)events;
	m->runs_left = RUNS_BEHIND;
	run(m);
}

/* --- the address */

static bool parse_port(const char *text, in_port_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long port = strtoul(text, NULL, 10);

	*ret = htons((uint16_t)port);
	return digits && digits <= 5 && !text[digits] && port && port <= UINT16_MAX;
}

bool metrics_address(const char *text, struct sockaddr_in6 *ret)
{
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)ret;
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	char host[INET6_ADDRSTRLEN + 2];

	*ret = (struct sockaddr_in6){.sin6_family = AF_INET6};
	if (!length || length >= sizeof(host) || !parse_port(colon + 1, &ret->sin6_port))
		return false;
	memcpy(host, text, length);
	host[length] = 0;
	if (host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = 0;
		return inet_pton(AF_INET6, host + 1, &ret->sin6_addr) == 1;
	}
	four->sin_family = AF_INET; /* the port stands at the same place */
	return inet_pton(AF_INET, host, &four->sin_addr) == 1;
}
_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port) &&
		       sizeof(struct sockaddr_in) <= sizeof(struct sockaddr_in6),
	"one holds the other");

static int listen_at(const struct sockaddr_in6 *address)
{
	_cleanup_close_ int fd =
		socket(address->sin6_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		bind(fd, (const struct sockaddr *)(const void *)address, sizeof(*address)) < 0 ||
		listen(fd, SOMAXCONN) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* --- beginning and end */

static int start(struct metrics *m, uv_loop_t *loop, int fd)
{
	const union MHD_DaemonInfo *epoll;

	m->http = http.start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, m, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, METRICS_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, METRICS_TIMEOUT,
		MHD_OPTION_END);
	if (!m->http)
		return -ENOMEM;
	epoll = http.get_daemon_info(m->http, MHD_DAEMON_INFO_EPOLL_FD);
	uv_timer_init(loop, &m->timer);
	uv_poll_init(loop, &m->poll, epoll->epoll_fd);
	m->timer.data = m->poll.data = m;
	uv_poll_start(&m->poll, UV_READABLE, on_ready);
	return 0;
}

int metrics_init(struct metrics *m, uv_loop_t *loop, struct service *service, const char *address,
	struct error *err)
{
	struct sockaddr_in6 at;
	int r;

	*m = (struct metrics){.service = service};
	if (!address)
		return 0;
	r = load(err);
	if (r)
		return r;
	r = metrics_address(address, &at) ? listen_at(&at) : -EINVAL;
	if (r >= 0)
		r = start(m, loop, r); /* which owns the socket now */
	if (r < 0)
		return error_set(err, ERROR_PRECONDITION, "METRICS", "--metrics %s: %s", address, strerror(-r));
	return 0;
}

void metrics_close(struct metrics *m)
{
	if (!m->http)
		return;
	uv_close((uv_handle_t *)&m->poll, NULL);
	uv_close((uv_handle_t *)&m->timer, NULL);
	http.stop_daemon(m->http);
	m->http = NULL;
}
