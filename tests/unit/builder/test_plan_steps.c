/* RUN, COPY, ADD and WORKDIR as steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/builder/plan_fixture.h"

struct run_case {
	const char *dockerfile; /* after FROM base */
	const char *argv;
	const char *history; /* of the last instruction */
};

static const struct step *last_step(const struct fixture *f)
{
	return fixture_step(f, f->plan->n_steps - 1);
}

static void plan_on_base(struct fixture *f, const char *rest)
{
	char *text;

	if (asprintf(&text, "FROM base\n%s", rest) < 0)
		fail();
	fixture_must_plan(f, text);
	free(text);
}

static const char *last_history(const struct fixture *f)
{
	const struct stage *stage = f->plan->target;

	return stage->history[stage->n_history - 1].created_by;
}

static void runs_get_their_shell_or_none(void **state)
{
	static const struct run_case cases[] = {
		{ "RUN echo \\\n# comment\nx\n", "/bin/sh|-c|echo x",
		  "RUN /bin/sh -c echo x # buildkit" },
		{ "RUN [\"ls\", \"$HOME\"]\n", "ls|$HOME",
		  "RUN ls $HOME # buildkit" },
		{ "SHELL [\"bash\", \"-ec\"]\nRUN x\n", "bash|-ec|x",
		  "RUN bash -ec x # buildkit" },
		{ "RUN <<EOF\na\n\tb $c\nEOF\n", "/bin/sh|-c|a\n\tb $c\n",
		  "RUN /bin/sh -c a\n\tb $c\n # buildkit" },
		{ "RUN <<-EOF\n\ta\n\t\tb\n\tEOF\n", "/bin/sh|-c|a\nb\n",
		  "RUN /bin/sh -c a\nb\n # buildkit" },
		{ "RUN cat <<-A > /x\n\tbody\n\tA\n",
		  "/bin/sh|-c|cat <<-A > /x\n\tbody\nA",
		  "RUN /bin/sh -c cat <<-A > /x\n\tbody\nA # buildkit" },
		{ "RUN <<A cat <<B\na\nA\nb\nB\n",
		  "/bin/sh|-c|<<A cat <<B\na\nA\nb\nB",
		  "RUN /bin/sh -c <<A cat <<B\na\nA\nb\nB # buildkit" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		char *argv;

		fixture_init(&f);
		plan_on_base(&f, cases[i].dockerfile);
		argv = fixture_join(&last_step(&f)->u.run.argv);
		assert_string_equal(argv, cases[i].argv);
		assert_string_equal(last_history(&f), cases[i].history);
		assert_int_equal(last_step(&f)->u.run.n_scripts, 0);
		free(argv);
		fixture_release(&f);
	}
}

static void a_heredoc_with_an_interpreter_is_a_program(void **state)
{
	struct fixture f;
	const struct run_args *run;
	char *argv;

	(void)state;
	fixture_init(&f);
	plan_on_base(&f, "RUN <<-EOF\n\t#!/bin/x\n\tgo\nEOF\n");
	run = &last_step(&f)->u.run;
	argv = fixture_join(&run->argv);
	assert_string_equal(argv, "/bin/sh|-c|/dev/pipes/EOF");
	assert_string_equal(last_history(&f),
			    "RUN /bin/sh -c /dev/pipes/EOF # buildkit");
	assert_int_equal(run->n_scripts, 1);
	assert_string_equal(run->scripts[0].name, "EOF");
	assert_string_equal(run->scripts[0].content, "#!/bin/x\ngo\n");
	assert_int_equal(run->scripts[0].len, 12);
	free(argv);
	assert_int_equal(
		fixture_plan(&f, "FROM base\nRUN <<../x\n#!/a\n../x\n"), -1);
	assert_int_equal(f.err.first_line, 2);
	fixture_release(&f);
}

static void runs_know_their_process(void **state)
{
	struct fixture f;
	const struct run_args *run;

	(void)state;
	fixture_init(&f);
	plan_on_base(&f, "USER me\nWORKDIR x\nRUN --network=none "
			 "--security=insecure a\n");
	run = &last_step(&f)->u.run;
	assert_string_equal(run->user, "me");
	assert_string_equal(run->cwd, "/w/x");
	assert_string_equal(run->network, "none");
	assert_true(run->insecure);
	assert_string_equal(fixture_step(&f, 0)->u.workdir.path, "/w/x");
	assert_string_equal(fixture_step(&f, 0)->u.workdir.user, "me");
	assert_int_equal(fixture_step(&f, 0)->kind, STEP_WORKDIR);

	fixture_must_plan(&f, "FROM scratch\nRUN a\n");
	run = &last_step(&f)->u.run;
	assert_string_equal(run->user, "");
	assert_string_equal(run->cwd, "/");
	assert_string_equal(run->network, "default");
	assert_false(run->insecure);
	assert_non_null(strv_env_get(&run->env, "PATH"));
	fixture_release(&f);
}

struct mount_case {
	const char *value;
	enum mount_type type;
	enum source_kind from;
	const char *target; /* NULL: none */
	const char *id;
};

static void mounts_arrive_with_their_defaults(void **state)
{
	static const struct mount_case cases[] = {
		{ "target=/a/../b/", MOUNT_BIND, SOURCE_CONTEXT, "/b", NULL },
		{ "target=rel", MOUNT_BIND, SOURCE_CONTEXT, "/w/rel", NULL },
		{ "from=base,target=/x", MOUNT_BIND, SOURCE_IMAGE, "/x", NULL },
		{ "type=cache,target=/c/", MOUNT_CACHE, SOURCE_SCRATCH, "/c",
		  "/c" },
		{ "type=cache,id=i$v,target=$v", MOUNT_CACHE, SOURCE_SCRATCH,
		  "/w/val,ue", "ival,ue" },
		{ "type=cache,from=base,target=/x", MOUNT_CACHE, SOURCE_IMAGE,
		  "/x", "/x" },
		{ "type=tmpfs,target=/t", MOUNT_TMPFS, SOURCE_SCRATCH, "/t",
		  NULL },
		{ "type=secret,id=a/b", MOUNT_SECRET, SOURCE_SCRATCH,
		  "/run/secrets/b", "a/b" },
		{ "type=secret,target=/q/s", MOUNT_SECRET, SOURCE_SCRATCH,
		  "/q/s", "s" },
		{ "type=secret,id=k,env=K", MOUNT_SECRET, SOURCE_SCRATCH, NULL,
		  "k" },
		{ "type=ssh", MOUNT_SSH, SOURCE_SCRATCH,
		  "/run/buildkit/ssh_agent.0", "default" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct mount_case *c = &cases[i];
		const struct run_mount *m;
		struct fixture f;
		char *text;

		fixture_init(&f);
		if (asprintf(&text, "ARG v=val,ue\nRUN --mount=%s a\n",
			     c->value) < 0)
			fail();
		plan_on_base(&f, text);
		assert_int_equal(last_step(&f)->u.run.n_mounts, 1);
		m = &last_step(&f)->u.run.mounts[0];
		assert_int_equal(m->spec.type, c->type);
		assert_int_equal(m->from.kind, c->from);
		assert_string_equal(m->spec.target ? m->spec.target : "(none)",
				    c->target ? c->target : "(none)");
		if (c->id)
			assert_string_equal(m->spec.id, c->id);
		free(text);
		fixture_release(&f);
	}
}

static void agents_are_numbered(void **state)
{
	struct fixture f;
	const struct run_args *run;

	(void)state;
	fixture_init(&f);
	plan_on_base(&f, "RUN --mount=type=ssh --mount=target=/x "
			 "--mount=type=ssh,id=b x\n");
	run = &last_step(&f)->u.run;
	assert_int_equal(run->n_mounts, 3);
	assert_string_equal(run->mounts[2].spec.target,
			    "/run/buildkit/ssh_agent.1");
	fixture_release(&f);
}

struct copy_case {
	const char *text; /* after FROM base, ENV d=/dst s="a b" */
	const char *sources;
	const char *dest;
	enum source_kind from;
	const char *history;
};

static void copies_are_expanded(void **state)
{
	static const struct copy_case cases[] = {
		{ "COPY a.txt /new", "a.txt", "/new", SOURCE_CONTEXT,
		  "COPY a.txt /new # buildkit" },
		{ "COPY a b/ sub/", "a|b/", "/w/sub/", SOURCE_CONTEXT,
		  "COPY a b/ sub/ # buildkit" },
		{ "COPY . .", ".", "/w/", SOURCE_CONTEXT,
		  "COPY . . # buildkit" },
		{ "COPY a $d/x/", "a", "/dst/x/", SOURCE_CONTEXT,
		  "COPY a /dst/x/ # buildkit" },
		{ "COPY $s ${d}", "a b", "/dst", SOURCE_CONTEXT,
		  "COPY a b /dst # buildkit" },
		{ "COPY [\"$s\", \"c d\", \"/x y/\"]", "a b|c d", "/x y/",
		  SOURCE_CONTEXT, "COPY a b c d /x y/ # buildkit" },
		{ "COPY --link --exclude=*.o --from=base --chown=$d:1 "
		  "--chmod=u+x --parents a /b",
		  "a", "/b", SOURCE_IMAGE,
		  "COPY --parents --chown=/dst:1 --chmod=u+x a /b # "
		  "buildkit" },
		{ "ADD https://h/x.tgz https://h/y /d/",
		  "https://h/x.tgz|https://h/y", "/d/", SOURCE_HEREDOCS,
		  "ADD https://h/x.tgz https://h/y /d/ # buildkit" },
		{ "ADD https://h/x a /d/", "https://h/x|a", "/d/",
		  SOURCE_CONTEXT, "ADD https://h/x a /d/ # buildkit" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct copy_case *c = &cases[i];
		const struct copy_args *copy;
		struct fixture f;
		char *text, *sources;

		fixture_init(&f);
		if (asprintf(&text, "ENV d=/dst s=\"a b\"\n%s\n", c->text) < 0)
			fail();
		plan_on_base(&f, text);
		copy = &last_step(&f)->u.copy;
		sources = fixture_join(&copy->sources);
		assert_string_equal(sources, c->sources);
		assert_string_equal(copy->dest, c->dest);
		assert_int_equal(copy->from.kind, c->from);
		assert_string_equal(last_history(&f), c->history);
		free(sources);
		free(text);
		fixture_release(&f);
	}
}

static void copy_flags_arrive(void **state)
{
	struct fixture f;
	const struct copy_args *copy;
	char *excludes;

	(void)state;
	fixture_init(&f);
	plan_on_base(&f, "COPY --link --parents=true --exclude=a "
			 "--exclude=$b x /\n");
	copy = &last_step(&f)->u.copy;
	excludes = fixture_join(&copy->excludes);
	assert_string_equal(excludes, "a|$b");
	assert_true(copy->link && copy->parents);
	assert_null(copy->chown);
	assert_null(copy->chmod);
	free(excludes);

	plan_on_base(&f, "ADD --keep-git-dir --unpack=false --link=false "
			 "--checksum=01234567 https://h/x.git /\n");
	copy = &last_step(&f)->u.copy;
	assert_true(copy->keep_git_dir);
	assert_false(copy->link);
	assert_int_equal(copy->unpack, UNPACK_NO);
	assert_string_equal(copy->checksum, "01234567");
	fixture_release(&f);
}

struct heredoc_case {
	const char *text;
	const char *content;
};

static void heredocs_become_files(void **state)
{
	static const struct heredoc_case cases[] = {
		{ "COPY <<F /x\nHello '${n}'!\nF\n", "Hello 'x'!\n" },
		{ "COPY <<F /x\n\\\\\n\\$A\nF\n", "\\\n$A\n" },
		{ "COPY <<\"F\" /x\n$n\\\\\nF\n", "$n\\\\\n" },
		{ "COPY <<-F /x\n\t\tin\n\tF\n", "in\n" },
		{ "ADD <<F /x\nF\n", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct copy_args *copy;
		struct fixture f;
		char *text;

		fixture_init(&f);
		if (asprintf(&text, "ENV n=x\n%s", cases[i].text) < 0)
			fail();
		plan_on_base(&f, text);
		copy = &last_step(&f)->u.copy;
		assert_int_equal(copy->n_files, 1);
		assert_int_equal(copy->sources.len, 0);
		assert_int_equal(copy->from.kind, SOURCE_HEREDOCS);
		assert_string_equal(copy->files[0].name, "F");
		assert_string_equal(copy->files[0].content, cases[i].content);
		assert_int_equal(copy->files[0].len, strlen(cases[i].content));
		free(text);
		fixture_release(&f);
	}
}

static void paths_and_heredocs_may_be_mixed(void **state)
{
	struct fixture f;
	const struct copy_args *copy;

	(void)state;
	fixture_init(&f);
	plan_on_base(&f, "COPY a <<X b <<Y /d/\nx\nX\ny\nY\n");
	copy = &last_step(&f)->u.copy;
	assert_int_equal(copy->sources.len, 2);
	assert_int_equal(copy->n_files, 2);
	assert_string_equal(copy->files[1].content, "y\n");
	assert_string_equal(last_history(&f),
			    "COPY a b <<X <<Y /d/ # buildkit");
	assert_int_equal(last_step(&f)->first_line, 2);
	assert_int_equal(last_step(&f)->last_line, 6);
	fixture_release(&f);
}

struct refusal {
	const char *text;
	const char *message;
};

static void bad_steps_are_refused(void **state)
{
	static const struct refusal cases[] = {
		{ "ENV u=http://x\nCOPY $u /",
		  "source can't be a URL for COPY" },
		{ "COPY https://h/x.git /", "dockerfile parse error on line 2: "
					    "source can't be a URL for COPY" },
		{ "COPY git@h:x.git /", "source can't be a git ref for COPY" },
		{ "ADD --checksum=sha256:0 https://h/a https://h/b /",
		  "dockerfile parse error on line 2: "
		  "checksum can't be specified for multiple sources" },
		{ "ADD --checksum=sha256:0 a /",
		  "checksum requires HTTP(S) or Git sources" },
		{ "ADD --checksum=sha256:0 https://h/a /",
		  "--checksum=sha256:0: 'sha256:0' is not a sha256 digest" },
		{ "ADD --checksum=sha256:0 https://h/a.git /",
		  "invalid checksum \"sha256:0\": a commit is named by 7 to 64 "
		  "hexadecimal digits" },
		{ "ADD https://h/a.git?what=1 /", "unexpected query \"what\"" },
		{ "ENV m=64a\nCOPY --chmod=$m a /",
		  "invalid chmod parameter: '64a'. it should be octal string "
		  "and between 0 and 07777" },
		{ "RUN --mount=target=.. x", "invalid mount target \"/\"" },
		{ "RUN --network=x y", "dockerfile parse error on line 2: "
				       "invalid network mode \"x\" (use "
				       "default, none or host)" },
		{ "ENV v=\nVOLUME $v",
		  "VOLUME specified can not be an empty string" },
		{ "ENV s=SIGX\nSTOPSIGNAL $s", "invalid signal: SIGX" },
		{ "ENV p=x\nEXPOSE $p",
		  "invalid port: \"x\": invalid containerPort: x (ports are "
		  "numbers from 0 to 65535, ranges ascend)" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		char *text;

		fixture_init(&f);
		if (asprintf(&text, "FROM base\n%s\n", cases[i].text) < 0)
			fail();
		assert_int_equal(fixture_plan(&f, text), -1);
		assert_string_equal(f.message, cases[i].message);
		assert_int_equal(f.err.kind, ERROR_DOCKERFILE);
		assert_true(f.err.first_line >= 2);
		free(text);
		fixture_release(&f);
	}
}

struct form_case {
	const char *source;
	enum source_form form;
};

static void sources_are_told_by_their_text(void **state)
{
	static const struct form_case cases[] = {
		{ "a", SOURCE_FORM_LOCAL },
		{ "a@b", SOURCE_FORM_LOCAL },
		{ "dir/a@b:c", SOURCE_FORM_LOCAL },
		{ "github.com/a/b.git", SOURCE_FORM_LOCAL },
		{ "http://h/x", SOURCE_FORM_HTTP },
		{ "https://h/.git/x", SOURCE_FORM_HTTP },
		{ "https://h/x.git", SOURCE_FORM_GIT },
		{ "https://h/x.git#main:sub", SOURCE_FORM_GIT },
		{ "https://h/x.git?ref=main", SOURCE_FORM_GIT },
		{ "git://h/x", SOURCE_FORM_GIT },
		{ "ssh://git@h/x", SOURCE_FORM_GIT },
		{ "git@h:x", SOURCE_FORM_GIT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(source_form(cases[i].source), cases[i].form);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_get_their_shell_or_none),
		cmocka_unit_test(a_heredoc_with_an_interpreter_is_a_program),
		cmocka_unit_test(runs_know_their_process),
		cmocka_unit_test(mounts_arrive_with_their_defaults),
		cmocka_unit_test(agents_are_numbered),
		cmocka_unit_test(copies_are_expanded),
		cmocka_unit_test(copy_flags_arrive),
		cmocka_unit_test(heredocs_become_files),
		cmocka_unit_test(paths_and_heredocs_may_be_mixed),
		cmocka_unit_test(bad_steps_are_refused),
		cmocka_unit_test(sources_are_told_by_their_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
