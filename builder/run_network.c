#include "builder/run_network.h"

#include <string.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/resolv.h"

#define DEFAULT_HOSTNAME "buildkitsandbox"

int run_network_choose(const struct step_job *job, enum sandbox_network *ret,
		       struct error *err)
{
	const char *wish = job->step->u.run.network;

	*ret = job->options->network;
	if (!wish || strcmp(wish, "default") == 0)
		return 0;
	if (strcmp(wish, "none") == 0) {
		*ret = SANDBOX_NETWORK_NONE;
		return 0;
	}
	*ret = SANDBOX_NETWORK_HOST;
	if (job->options->allow_host_network)
		return 0;
	return error_set(err, ERROR_REFUSED,
			 "network.host is not allowed; --allow network.host "
			 "permits it");
}

/*
 * By default a RUN has no rights to change its network. With more it may have
 * left addresses, routes or rules.
 */
static bool stays_clean(const struct sandbox *sb)
{
	return !sb->insecure && !(sb->capabilities & ~CAPS_DEFAULT);
}

static int take(const struct step_job *job, struct sandbox *sb,
		struct run_network *n, struct error *err)
{
	if (!sandbox_network_is_pooled(sb->network))
		return 0;
	n->pool = job->options->networks;
	n->is_clean = stays_clean(sb);
	if (network_pool_take(n->pool, job->cancel, &n->taken, err) < 0)
		return -1;
	if (n->taken)
		sb->network_fd = network_fd(n->taken);
	else
		sb->network = SANDBOX_NETWORK_HOST;
	return 0;
}

static int make_files(const struct step_job *job, struct sandbox *sb,
		      struct run_network *n, struct error *err)
{
	const struct solve_options *options = job->options;
	const char *hostname =
		options->hostname ? options->hostname : DEFAULT_HOSTNAME;
	struct resolv_options how = options->dns;
	AUTO(buf_release) struct buf host = BUF_INIT;

	how.network = sb->network;
	how.resolver = n->taken ? network_resolver(n->taken) : NULL;
	if (hosts_make(hostname, (const char *const *)options->add_hosts.items,
		       how.network, &n->hosts, err) < 0)
		return -1;
	if (resolv_conf_read_host(&host, err) < 0 ||
	    resolv_conf_make(host.data ? host.data : "", &how, &n->resolv_conf,
			     err) < 0)
		return -1;
	sb->hostname = hostname;
	sb->hosts = n->hosts.data;
	sb->resolv_conf = n->resolv_conf.data;
	return 0;
}

int run_network_open(const struct step_job *job, struct sandbox *sb,
		     struct run_network *n, struct error *err)
{
	return take(job, sb, n, err) < 0 ? -1 : make_files(job, sb, n, err);
}

void run_network_release(struct run_network *n)
{
	buf_release(&n->hosts);
	buf_release(&n->resolv_conf);
	network_pool_give_back(n->pool, n->taken, n->is_clean);
}
