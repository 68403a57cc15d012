#include "tests/unit/store/run_program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Files in memory, not pipes: neither side can block the other. */
static int file_of(const struct buf *data)
{
	int fd = memfd_create("stdio", MFD_CLOEXEC);

	if (fd >= 0 && data && data->len &&
	    write(fd, data->data, data->len) != (ssize_t)data->len)
		return -1;
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int run_program(const char *const *argv, const struct buf *input,
		struct buf *output)
{
	autoclose int in = file_of(input);
	autoclose int out = file_of(NULL);
	char data[4096];
	ssize_t n;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		/* What is printed must not follow the user's habits. */
		setenv("LC_ALL", "C", 1);
		setenv("TZ", "UTC0", 1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	lseek(out, 0, SEEK_SET);
	while ((n = read(out, data, sizeof(data))) > 0)
		buf_append(output, data, (size_t)n);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
