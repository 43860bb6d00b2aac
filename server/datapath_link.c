/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/datapath_link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int link_create(int program, uint32_t ifindex, enum attach_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		.flags = mode == ATTACH_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int fd = bpf_link_create(program, (int)ifindex, BPF_XDP, &options);

	return fd < 0 ? -errno : fd;
}

/* "id 17 (xdp_pass)", as far as one may know. */
static void program_text(uint32_t id, char ret[static 64])
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) && info.name[0])
		snprintf(ret, 64, "id %u (%s)", id, info.name);
	else
		snprintf(ret, 64, "id %u", id);
	closep(&fd);
}

/* The XDP program on the interface, in whichever mode; 0 = none. */
static uint32_t program_on(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query) < 0)
		return 0;
	return query.prog_id ? query.prog_id : query.drv_prog_id ? query.drv_prog_id :
	       query.skb_prog_id ? query.skb_prog_id : query.hw_prog_id;
}

static bool is_taken(uint32_t ifindex, char ret[static 64])
{
	uint32_t id = program_on(ifindex);

	if (id)
		program_text(id, ret);
	return id != 0;
}

static void native_reason(const char *name, int error, char ret[static 256])
{
	char driver[32], warning[160];

	link_describe(name, driver, warning);
	if (error == EOPNOTSUPP)
		snprintf(ret, 256, "the driver %s has no native XDP", driver[0] ? driver : "of it");
	else
		snprintf(ret, 256, "the driver %s refuses native XDP: %s", driver[0] ? driver : "of it",
			strerror(error));
}

/*
 * The program reads an Ethernet header. Where there is none (tun, ppp, wireguard, ...) generic
 * mode would hand it packets that it takes for non-IP, and pass them all.
 */
static int check_type(const char *name, struct error *err)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return error_set(err, ERROR_PRECONDITION, "ATTACH", "the type of %s is not known: %s", name,
			strerror(errno));
	if (request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
		request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK)
		return 0;
	return error_set(err, ERROR_PRECONDITION, "NOT_ETHERNET",
		"%s is no Ethernet interface (its hardware type is %u): its packets have no Ethernet "
		"header, and the filter reads no others; attach the interface below it",
		name, request.ifr_hwaddr.sa_family);
}

int link_attach(int program, uint32_t ifindex, const char *name, enum attach_mode mode,
	struct link_result *ret, struct error *err)
{
	struct link_result result = {.mode = mode == ATTACH_GENERIC ? ATTACH_GENERIC : ATTACH_NATIVE};
	char other[64];
	int r = check_type(name, err);

	if (r)
		return r;
	if (is_taken(ifindex, other))
		return error_set(err, ERROR_PRECONDITION, "INTERFACE_TAKEN",
			"%s has an XDP program already, %s; take it off first (ip link set dev %s xdp "
			"off, or bpftool link)",
			name, other, name);
	result.fd = link_create(program, ifindex, result.mode);
	if (result.fd < 0 && result.mode == ATTACH_NATIVE) {
		native_reason(name, -result.fd, result.reason);
		if (mode == ATTACH_NATIVE)
			return error_set(err, ERROR_PRECONDITION, "NO_NATIVE",
				"%s: %s; use mode auto or generic", name, result.reason);
		result.mode = ATTACH_GENERIC;
		result.fd = link_create(program, ifindex, ATTACH_GENERIC);
	}
	if (result.fd < 0)
		return error_set(err, ERROR_PRECONDITION, "ATTACH", "%s cannot be attached: %s", name,
			strerror(-result.fd));
	*ret = result;
	return 0;
}

static struct bpf_link_info info_of(int fd)
{
	struct bpf_link_info info = {0};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		info = (struct bpf_link_info){0};
	return info;
}

uint32_t link_ifindex(int fd)
{
	return info_of(fd).xdp.ifindex;
}

uint32_t link_program_id(int fd)
{
	return info_of(fd).prog_id;
}

bool link_in_place(int fd, uint32_t ifindex, const char *name)
{
	struct bpf_link_info info = info_of(fd);
	char now[IF_NAMESIZE];

	return ifindex && info.xdp.ifindex == ifindex && if_indextoname(ifindex, now) &&
	       streq(now, name) && program_on(ifindex) == info.prog_id;
}

enum attach_mode link_mode(const char *name)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (!bpf_xdp_query((int)if_nametoindex(name), 0, &query) && query.skb_prog_id)
		return ATTACH_GENERIC;
	return ATTACH_NATIVE;
}

static bool ethtool(int fd, const char *name, void *command)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

void link_describe(const char *name, char ret_driver[static 32], char ret_warning[static 160])
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ret_driver[0] = ret_warning[0] = 0;
	if (fd < 0)
		return;
	if (ethtool(fd, name, &driver))
		snprintf(ret_driver, 32, "%.31s", driver.driver);
	if (ethtool(fd, name, &flags) && flags.data & ETH_FLAG_RXVLAN)
		snprintf(ret_warning, 160,
			"%s strips VLAN tags before the filter sees them; turn it off: ethtool -K %s "
			"rxvlan off",
			name, name);
}
