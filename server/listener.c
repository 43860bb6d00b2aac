/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "server/log.h"

#define BACKLOG 1024 /* a non-blocking connect fails at once when it is full */

static void take(struct listener *l);

/* --- who may have how many */

static size_t count_of(const struct listener *l, const struct rpc_peer *peer)
{
	return connections_count(l->connections, peer->uid, peer->rights == 0);
}

static void identify(void *data, int fd, struct rpc_peer *ret)
{
	authz_identify(&((struct listener *)data)->authz, fd, ret);
}

/* After identify(): false closes the connection. */
static bool admit(void *data, const struct rpc_peer *peer)
{
	const struct listener *l = data;
	size_t most = peer->rights ? LISTENER_PER_USER_MAX : LISTENER_STRANGERS_MAX;

	if (peer->uid == 0 || count_of(l, peer) <= most)
		return true;
	log_debug("a connection of uid %u is refused: it has %zu", peer->uid, most);
	return false;
}

static void closed(void *data, const struct rpc_peer *peer)
{
	struct listener *l = data;

	(void)peer;
	if (l->waiting && l->open)
		take(l);
}

/* --- accepting */

static void take(struct listener *l)
{
	const struct connection_options options = {identify, admit, closed, l};

	/* Not accepting is what makes uv stop listening; accepting later resumes it. */
	l->waiting = l->connections->count >= l->limit;
	if (l->waiting)
		return;
	connection_accept(l->connections, (uv_stream_t *)&l->pipe, &options);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct listener *l = CONTAINER_OF(server, struct listener, pipe);

	if (status < 0)
		log_warn("accepting a connection: %s", uv_strerror(status));
	else
		take(l);
}

/* --- the socket */

static int refuse(struct error *err, const char *path, int error)
{
	return error_set(err, ERROR_PRECONDITION, "SOCKET", "the socket %s: %s", path, strerror(error));
}

/* Whether a process listens there. */
static bool is_alive(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
				  errno == EAGAIN);
}

static int clear_path(const char *path, const struct sockaddr_un *address, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : refuse(err, path, errno);
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, ERROR_PRECONDITION, "SOCKET", "%s exists and is no socket", path);
	if (is_alive(address))
		return error_set(err, ERROR_PRECONDITION, "SOCKET_IN_USE",
			"another pepctld listens on %s; stop it, or give another --socket", path);
	return unlink(path) < 0 ? refuse(err, path, errno) : 0;
}

/* The folder of the default path may not exist yet; only the last part of it is made. */
static void make_folder(const char *path)
{
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!slash || slash == folder)
		return;
	*slash = 0;
	mkdir(folder, 0755);
}

static int bind_path(const char *path, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return refuse(err, path, ENAMETOOLONG);
	if (fd < 0)
		return refuse(err, path, errno);
	memcpy(address.sun_path, path, strlen(path));
	make_folder(path);
	r = clear_path(path, &address, err);
	if (r)
		return r;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 ||
		listen(fd, BACKLOG) < 0)
		return refuse(err, path, errno);
	return TAKE_FD(fd);
}

int listener_inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != getpid() || strtol(count, NULL, 10) < 1)
		return -1;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	fcntl(3, F_SETFD, FD_CLOEXEC);
	return 3; /* SD_LISTEN_FDS_START */
}

static size_t connection_limit(void)
{
	struct rlimit limit = {.rlim_cur = 1024};

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 1u << 20)
		limit.rlim_cur = 1u << 20;
	return limit.rlim_cur > (rlim_t)2 * LISTENER_SPARE_FDS ? limit.rlim_cur - LISTENER_SPARE_FDS :
							 LISTENER_SPARE_FDS;
}

int listener_init(struct listener *l, uv_loop_t *loop, struct connections *connections,
	const struct authz *authz, const char *path, int fd, struct error *err)
{
	bool inherited = fd >= 0;
	struct stat st;
	int r;

	*l = (struct listener){.loop = loop, .connections = connections, .authz = *authz};
	l->limit = connection_limit();
	if (!inherited)
		fd = bind_path(path, err);
	if (fd < 0)
		return fd;
	uv_pipe_init(loop, &l->pipe, 0);
	l->open = true;
	r = uv_pipe_open(&l->pipe, fd);
	if (!r)
		r = uv_listen((uv_stream_t *)&l->pipe, BACKLOG, on_connection);
	if (r)
		return refuse(err, path, -r);
	if (!inherited && lstat(path, &st) == 0) {
		l->device = st.st_dev;
		l->inode = st.st_ino;
		l->path = strdup(path);
	}
	return 0;
}

/* Unless it is another's by now. */
static void remove_socket(const struct listener *l)
{
	struct stat st;

	if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
		unlink(l->path);
}

void listener_close(struct listener *l)
{
	if (!l->open)
		return;
	l->open = false;
	remove_socket(l);
	free(TAKE_PTR(l->path));
	uv_close((uv_handle_t *)&l->pipe, NULL);
}
