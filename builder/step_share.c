#include "builder/step_share.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/lock.h"
#include "store/base/timefmt.h"
#include "store/base/wake.h"

/* A crash costs at most this much finished work. */
#define PUBLISH_SECONDS 5

/* A pipe in the batch's folder: a byte in it says that somebody waits. */
#define BELL "wanted"

/* How long a wait sleeps between two attempts. */
#define RETRY_MS 20

struct step_claim {
	struct step_share *share;
	struct step_claim *next;
	char name[sizeof("step-") + DIGEST_HEX_LEN];
	int lock;
	bool wanted;   /* another build may be waiting for it */
	bool finished; /* at `when`; the share's since then */
	struct timespec when;
};

struct step_share {
	struct batch *batch;
	struct cancel *cancel;
	struct cancel *follower;
	bool publishes;
	int tmp;  /* the store's folder */
	int bell; /* -1: not to be had, every claim counts as wanted */
	int wake;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows, and claims' states */
	bool stop;
	struct step_claim *claims;
};

/* Let go of a lock that is on no list. The file goes first, locked. */
static void release(struct step_claim *c)
{
	const struct step_share *s = c->share;

	unlinkat(s->tmp, c->name, 0);
	close(c->lock);
	free(c);
}

static void release_all(struct step_claim *list)
{
	while (list) {
		struct step_claim *next = list->next;

		release(list);
		list = next;
	}
}

/* Take those off the list that are finished. The lock is held. */
static struct step_claim *take_finished(struct step_share *s)
{
	struct step_claim *taken = NULL, **at = &s->claims;

	while (*at) {
		struct step_claim *c = *at;

		if (!c->finished) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		c->next = taken;
		taken = c;
	}
	return taken;
}

/* Milliseconds until something is to be published; -1: nothing is. */
static int due_in(struct step_share *s)
{
	struct timespec now = time_now();
	int soonest = -1;

	pthread_mutex_lock(&s->lock);
	for (const struct step_claim *c = s->claims; c; c = c->next) {
		int64_t left = PUBLISH_SECONDS - (now.tv_sec - c->when.tv_sec);
		int ms = left <= 0 || c->wanted ? 0 : (int)left * 1000;

		/* A clock that was set back is no reason to wait longer. */
		if (ms > PUBLISH_SECONDS * 1000)
			ms = PUBLISH_SECONDS * 1000;
		if (c->finished && (soonest < 0 || ms < soonest))
			soonest = ms;
	}
	pthread_mutex_unlock(&s->lock);
	return soonest;
}

/* What is lacking for it is told by the publication at the build's end. */
static void publish(struct step_share *s)
{
	struct step_claim *finished;
	struct error ignored;

	pthread_mutex_lock(&s->lock);
	finished = take_finished(s);
	pthread_mutex_unlock(&s->lock);
	batch_publish(s->batch, &ignored);
	release_all(finished);
}

/* Whose step it is that somebody waits for is not worth telling. */
static void answer_bell(struct step_share *s)
{
	char bytes[64];

	while (read(s->bell, bytes, sizeof(bytes)) > 0)
		;
	pthread_mutex_lock(&s->lock);
	for (struct step_claim *c = s->claims; c; c = c->next)
		c->wanted = true;
	pthread_mutex_unlock(&s->lock);
}

/* The user's token is triggered: so is the solver's. */
static void pass_on(struct step_share *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->follower)
		cancel_trigger(s->follower, 0);
	pthread_mutex_unlock(&s->lock);
}

static bool stopped(struct step_share *s)
{
	bool stop;

	pthread_mutex_lock(&s->lock);
	stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

static void *watch(void *arg)
{
	struct step_share *s = arg;
	struct pollfd fds[] = {
		{ .fd = s->wake, .events = POLLIN },
		{ .fd = s->bell, .events = POLLIN },
		{ .fd = s->cancel ? cancel_fd(s->cancel) : -1,
		  .events = POLLIN },
	};
	while (!stopped(s)) {
		int due = due_in(s);

		if (due == 0) {
			publish(s);
			continue;
		}
		if (poll(fds, ARRAY_LEN(fds), due) <= 0)
			continue;
		if (fds[0].revents)
			wake_clear(s->wake);
		if (fds[1].revents)
			answer_bell(s);
		if (fds[2].revents) {
			pass_on(s);
			fds[2].fd = -1; /* it stays triggered */
		}
	}
	return NULL;
}

/* Where the file system has no pipes, -1. */
static int hang_bell(const struct step_share *s)
{
	if (!s->publishes || mkfifoat(batch_fd(s->batch), BELL, 0600) < 0)
		return -1;
	return openat(batch_fd(s->batch), BELL,
		      O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static int start(struct step_share *s, struct error *err)
{
	s->tmp = openat(store_fd(batch_store(s->batch)), "tmp",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->tmp < 0)
		return error_sys(err, errno, "cannot open the store's tmp");
	s->wake = wake_open(err);
	if (s->wake < 0)
		return -1;
	s->bell = hang_bell(s);
	errno = pthread_create(&s->thread, NULL, watch, s);
	if (errno)
		return error_sys(err, errno, "cannot start a thread");
	s->has_thread = true;
	return 0;
}

int step_share_new(struct batch *b, struct cancel *cancel, bool publishes,
		   struct step_share **ret, struct error *err)
{
	AUTO(step_share_free) struct step_share *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, "sharing steps");
	s->batch = b;
	s->cancel = cancel;
	s->publishes = publishes;
	s->tmp = s->bell = s->wake = -1;
	pthread_mutex_init(&s->lock, NULL);
	if (start(s, err) < 0)
		return -1;
	*ret = steal_pointer(&s);
	return 0;
}

void step_share_free(struct step_share *s)
{
	if (!s)
		return;
	if (s->has_thread) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_mutex_unlock(&s->lock);
		wake_tell(s->wake);
		pthread_join(s->thread, NULL);
	}
	release_all(s->claims);
	if (s->bell >= 0)
		close(s->bell);
	if (s->wake >= 0)
		close(s->wake);
	if (s->tmp >= 0)
		close(s->tmp);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int step_share_follow(struct step_share *s, struct cancel *follower,
		      struct error *err)
{
	pthread_mutex_lock(&s->lock);
	s->follower = follower;
	pthread_mutex_unlock(&s->lock);
	/* Triggered before: the thread had nobody to tell. */
	return cancel_check(s->cancel, err);
}

void step_share_unfollow(struct step_share *s)
{
	pthread_mutex_lock(&s->lock);
	s->follower = NULL;
	pthread_mutex_unlock(&s->lock);
}

/* The owner's folder, as the lock's file has it. */
struct owner {
	char id[32];
};

static const char *own_id(const struct step_share *s)
{
	return strrchr(batch_path(s->batch), '/') + 1;
}

/* Tell the owner that somebody waits, each one once. */
static void ring(const struct step_claim *c, struct owner *rung)
{
	AUTO(buf_release) struct buf id = BUF_INIT;
	char path[sizeof(rung->id) + sizeof("/" BELL)];
	struct error ignored;
	autoclose int bell = -1;

	if (io_read_file(c->share->tmp, c->name, sizeof(rung->id) - 1, &id,
			 &ignored) < 0 ||
	    !id.len || strspn(id.data, "0123456789abcdef") != id.len ||
	    !strcmp(id.data, rung->id))
		return;
	snprintf(path, sizeof(path), "%s/" BELL, id.data);
	bell = openat(c->share->tmp, path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (bell >= 0 && write(bell, "", 1) == 1)
		snprintf(rung->id, sizeof(rung->id), "%s", id.data);
}

static int try_lock(struct step_claim *c, struct error *err)
{
	c->lock = lock_open(c->share->tmp, c->name,
			    LOCK_CREATE | LOCK_EXCLUSIVE | LOCK_TRY, NULL, err);
	if (c->lock >= 0)
		return 1;
	if (err->kind != ERROR_SYSTEM || err->sys != EWOULDBLOCK)
		return -1;
	error_clear(err);
	return 0;
}

static int lock_key(struct step_claim *c, const struct cancel *cancel,
		    void (*waits)(void *ctx), void *ctx, struct error *err)
{
	struct pollfd watch = { .fd = cancel_fd(cancel), .events = POLLIN };
	struct owner rung = { "" };
	int locked = try_lock(c, err);

	if (!locked)
		waits(ctx);
	while (!locked) {
		if (cancel_check(cancel, err) < 0)
			return error_wrap(err, "waiting for another build");
		ring(c, &rung);
		poll(&watch, 1, RETRY_MS);
		locked = try_lock(c, err);
	}
	return locked < 0 ? -1 : 0;
}

/* Say in the lock's file whose bell to ring. */
static bool sign(const struct step_claim *c)
{
	const char *id = own_id(c->share);
	autoclose int fd = -1;

	if (c->share->bell < 0)
		return false;
	fd = openat(c->share->tmp, c->name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	return fd >= 0 && write(fd, id, strlen(id)) == (ssize_t)strlen(id);
}

/* On the list first: whoever reads the sign may ring at once. */
static void add(struct step_share *s, struct step_claim *c)
{
	bool can_ring;

	pthread_mutex_lock(&s->lock);
	c->next = s->claims;
	s->claims = c;
	pthread_mutex_unlock(&s->lock);
	can_ring = sign(c);
	pthread_mutex_lock(&s->lock);
	c->wanted |= !can_ring;
	pthread_mutex_unlock(&s->lock);
}

int step_share_claim(struct step_share *s, const struct digest *key,
		     const struct cancel *cancel, void (*waits)(void *ctx),
		     void *ctx, struct step_claim **ret, struct error *err)
{
	struct step_claim *c;

	*ret = NULL;
	if (!s->publishes)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return error_nomem(err, "sharing steps");
	c->share = s;
	snprintf(c->name, sizeof(c->name), "step-%s", digest_hex(key));
	if (lock_key(c, cancel, waits, ctx, err) < 0) {
		free(c);
		return -1;
	}
	add(s, c);
	*ret = c;
	return 0;
}

void step_claim_drop(struct step_claim *c)
{
	struct step_claim **at;

	if (!c)
		return;
	pthread_mutex_lock(&c->share->lock);
	for (at = &c->share->claims; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	pthread_mutex_unlock(&c->share->lock);
	release(c);
}

void step_claim_finish(struct step_claim *c)
{
	struct step_share *s = c ? c->share : NULL;

	if (!c)
		return;
	pthread_mutex_lock(&s->lock);
	c->when = time_now();
	c->finished = true;
	pthread_mutex_unlock(&s->lock);
	/* Another thread may have released it by now. */
	wake_tell(s->wake);
}
