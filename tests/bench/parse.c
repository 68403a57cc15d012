/*
 * Processor time for reading and judging a Dockerfile of 10,000 lines, the
 * best of many rounds:  build/plain/tests/bench/parse
 */
#include <stdio.h>
#include <time.h>

#include "parser/dockerfile.h"
#include "store/base/buf.h"

enum { LINES = 10000, ROUNDS = 50 };

/* Instructions of all kinds in the proportions of everyday files. */
static const char *const pattern[] = {
	"# What the next lines are for",
	"FROM debian:bookworm-slim AS stage",
	"ARG VERSION=1.2.3",
	"ENV PATH=/opt/app/bin:$PATH LANG=C.UTF-8",
	"WORKDIR /src/${VERSION:-latest}",
	"COPY --chown=1000:1000 package.json package-lock.json ./",
	"RUN --mount=type=cache,target=/var/cache/apt apt-get update && \\",
	"    apt-get install -y --no-install-recommends ca-certificates \\",
	"    # a comment within",
	"    curl && rm -rf /var/lib/apt/lists/*",
	"COPY <<EOF /etc/app.conf",
	"listen = ${PORT:-8080}",
	"EOF",
	"LABEL org.opencontainers.image.version=\"$VERSION\"",
	"EXPOSE 8080/tcp 9090-9092",
	"HEALTHCHECK --interval=30s CMD curl -f http://localhost/ || exit 1",
	"USER 1000:1000",
	"ENTRYPOINT [\"/opt/app/bin/app\", \"--serve\"]",
	"CMD [\"--port\", \"8080\"]",
	"",
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int read_once(const struct buf *text, double *ret)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	struct error err = ERROR_INIT;
	double start = seconds();

	if (dockerfile_parse(text->data, text->len, &df, &err) < 0 ||
	    dockerfile_check(df, &err) < 0) {
		fprintf(stderr, "line %d: %s\n", err.first_line, err.text);
		return -1;
	}
	*ret = seconds() - start;
	return 0;
}

int main(void)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	double best = 1e9, took;
	int i;

	for (i = 0; i < LINES; i++)
		buf_printf(&text, "%s\n", pattern[i % ARRAY_LEN(pattern)]);
	for (i = 0; i < ROUNDS; i++) {
		if (text.failed || read_once(&text, &took) < 0)
			return 1;
		if (took < best)
			best = took;
	}
	printf("parsing %d lines: %.1f ms\n", LINES, best * 1e3);
	return 0;
}
