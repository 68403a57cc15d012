#include "builder/sandbox/seccomp_profile.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "store/base/cleanup.h"

const char seccomp_allowed[] =
	"accept accept4 access adjtimex alarm bind brk cachestat capget "
	"capset chdir chmod chown chown32 clock_adjtime clock_adjtime64 "
	"clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
	"clock_nanosleep clock_nanosleep_time64 close close_range connect "
	"copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 "
	"epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
	"epoll_wait_old eventfd eventfd2 execve execveat exit exit_group "
	"faccessat faccessat2 fadvise64 fadvise64_64 fallocate "
	"fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 "
	"fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork "
	"fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 "
	"fsync ftruncate ftruncate64 futex futex_requeue futex_time64 "
	"futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents "
	"getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 "
	"getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid "
	"getppid getpriority getrandom getresgid getresgid32 getresuid "
	"getresuid32 getrlimit get_robust_list getrusage getsid getsockname "
	"getsockopt get_thread_area gettid gettimeofday getuid getuid32 "
	"getxattr getxattrat inotify_add_watch inotify_init inotify_init1 "
	"inotify_rm_watch io_cancel ioctl io_destroy io_getevents "
	"io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup "
	"io_submit ipc kill landlock_add_rule landlock_create_ruleset "
	"landlock_restrict_self lchown lchown32 lgetxattr link linkat "
	"listen listmount listxattr listxattrat llistxattr _llseek "
	"lremovexattr lseek lsetxattr lstat lstat64 madvise "
	"map_shadow_stack membarrier memfd_create memfd_secret mincore "
	"mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 "
	"mprotect mq_getsetattr mq_notify mq_open mq_timedreceive "
	"mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink "
	"mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall "
	"munmap name_to_handle_at nanosleep newfstatat _newselect open "
	"openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 "
	"pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl "
	"pread64 preadv preadv2 prlimit64 process_mrelease pselect6 "
	"pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink "
	"readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg "
	"remap_file_pages removexattr removexattrat rename renameat "
	"renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction "
	"rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
	"rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 "
	"rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam "
	"sched_get_priority_max sched_get_priority_min sched_getscheduler "
	"sched_rr_get_interval sched_rr_get_interval_time64 "
	"sched_setaffinity sched_setattr sched_setparam sched_setscheduler "
	"sched_yield seccomp select semctl semget semop semtimedop "
	"semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto "
	"setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups "
	"setgroups32 setitimer setpgid setpriority setregid setregid32 "
	"setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
	"setrlimit set_robust_list setsid setsockopt set_thread_area "
	"set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl "
	"shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask "
	"sigreturn socketcall socketpair splice stat stat64 statfs statfs64 "
	"statmount statx symlink symlinkat sync sync_file_range syncfs "
	"sysinfo tee tgkill time timer_create timer_delete timer_getoverrun "
	"timer_gettime timer_gettime64 timer_settime timer_settime64 "
	"timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
	"timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask "
	"uname unlink unlinkat uretprobe utime utimensat utimensat_time64 "
	"utimes vfork vmsplice wait4 waitid waitpid write writev"
	/* Safe since Linux 4.8, which the rest of the sandbox needs anyway. */
	" ptrace process_vm_readv process_vm_writev"
#if defined(__x86_64__) || defined(__i386__)
	" arch_prctl modify_ldt"
#elif defined(__arm__) || defined(__aarch64__)
	" arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint"
	" cacheflush set_tls"
#elif defined(__powerpc64__)
	" sync_file_range2 swapcontext"
#elif defined(__s390__)
	" s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"
#elif defined(__riscv)
	" riscv_flush_icache"
#endif
	;

/* clone, clone3, socket and personality depend on more: see seccomp.c. */
const struct seccomp_cap_rule seccomp_cap_rules[] = {
	{ CAP_DAC_READ_SEARCH, "open_by_handle_at" },
	{ CAP_SYS_ADMIN,
	  "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick "
	  "lookup_dcookie lsm_get_self_attr lsm_list_modules "
	  "lsm_set_self_attr mount mount_setattr move_mount open_tree "
	  "perf_event_open quotactl quotactl_fd setdomainname sethostname "
	  "setns syslog umount umount2 unshare" },
	{ CAP_SYS_BOOT, "reboot" },
	{ CAP_SYS_CHROOT, "chroot" },
	{ CAP_SYS_MODULE, "delete_module init_module finit_module" },
	{ CAP_SYS_PACCT, "acct" },
	{ CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise "
			  "process_vm_readv process_vm_writev ptrace" },
	{ CAP_SYS_RAWIO, "iopl ioperm" },
	{ CAP_SYS_TIME, "settimeofday stime clock_settime clock_settime64" },
	{ CAP_SYS_TTY_CONFIG, "vhangup" },
	{ CAP_SYS_NICE, "get_mempolicy mbind set_mempolicy "
			"set_mempolicy_home_node" },
	{ CAP_SYSLOG, "syslog" },
	{ CAP_BPF, "bpf" },
	{ CAP_PERFMON, "perf_event_open" },
};
const size_t n_seccomp_cap_rules = ARRAY_LEN(seccomp_cap_rules);

const struct seccomp_numbered seccomp_numbered[] = {
#if defined(__x86_64__)
	{ "uretprobe", 335, -1 },
#elif defined(__riscv)
	{ "riscv_hwprobe", 258, -1 },
#endif
	{ "process_mrelease", 448, -1 },
	{ "futex_waitv", 449, -1 },
	{ "set_mempolicy_home_node", 450, CAP_SYS_NICE },
	{ "cachestat", 451, -1 },
	{ "fchmodat2", 452, -1 },
	{ "map_shadow_stack", 453, -1 },
	{ "futex_wake", 454, -1 },
	{ "futex_wait", 455, -1 },
	{ "futex_requeue", 456, -1 },
	{ "statmount", 457, -1 },
	{ "listmount", 458, -1 },
	{ "lsm_get_self_attr", 459, CAP_SYS_ADMIN },
	{ "lsm_set_self_attr", 460, CAP_SYS_ADMIN },
	{ "lsm_list_modules", 461, CAP_SYS_ADMIN },
	{ "mseal", 462, -1 },
	{ "setxattrat", 463, -1 },
	{ "getxattrat", 464, -1 },
	{ "listxattrat", 465, -1 },
	{ "removexattrat", SECCOMP_LAST_KNOWN, -1 },
};
const size_t n_seccomp_numbered = ARRAY_LEN(seccomp_numbered);

/* On x86 (32 bits), s390 and POWER; others have no need. */
#if defined(__x86_64__) || defined(__i386__)
#define DIRECT(name, x86, s390, power)                                         \
	{                                                                      \
		name, x86                                                      \
	}
#elif defined(__s390__)
#define DIRECT(name, x86, s390, power)                                         \
	{                                                                      \
		name, s390                                                     \
	}
#elif defined(__powerpc64__)
#define DIRECT(name, x86, s390, power)                                         \
	{                                                                      \
		name, power                                                    \
	}
#else
#define DIRECT(name, x86, s390, power)                                         \
	{                                                                      \
		name, 0                                                        \
	}
#endif

const struct seccomp_direct seccomp_direct[] = {
	DIRECT("socket", 359, 359, 326),
	DIRECT("socketpair", 360, 360, 333),
	DIRECT("bind", 361, 361, 327),
	DIRECT("connect", 362, 362, 328),
	DIRECT("listen", 363, 363, 329),
	DIRECT("accept", 0, 0, 330),
	DIRECT("accept4", 364, 364, 344),
	DIRECT("getsockopt", 365, 365, 340),
	DIRECT("setsockopt", 366, 366, 339),
	DIRECT("getsockname", 367, 367, 331),
	DIRECT("getpeername", 368, 368, 332),
	DIRECT("send", 0, 0, 334),
	DIRECT("sendto", 369, 369, 335),
	DIRECT("sendmsg", 370, 370, 341),
	DIRECT("sendmmsg", 345, 358, 349),
	DIRECT("recv", 0, 0, 336),
	DIRECT("recvfrom", 371, 371, 337),
	DIRECT("recvmsg", 372, 372, 342),
	DIRECT("recvmmsg", 337, 357, 343),
	DIRECT("shutdown", 373, 373, 338),
	DIRECT("semtimedop", 0, 392, 392),
	DIRECT("semget", 393, 393, 393),
	DIRECT("semctl", 394, 394, 394),
	DIRECT("shmget", 395, 395, 395),
	DIRECT("shmctl", 396, 396, 396),
	DIRECT("shmat", 397, 397, 397),
	DIRECT("shmdt", 398, 398, 398),
	DIRECT("msgget", 399, 399, 399),
	DIRECT("msgsnd", 400, 400, 400),
	DIRECT("msgrcv", 401, 401, 401),
	DIRECT("msgctl", 402, 402, 402),
};
const size_t n_seccomp_direct = ARRAY_LEN(seccomp_direct);

bool seccomp_next_name(const char **names, char *ret)
{
	const char *name = *names + strspn(*names, " ");
	int len = (int)strcspn(name, " ");

	snprintf(ret, SECCOMP_NAME_SIZE, "%.*s", len, name);
	*names = name + len;
	return len > 0;
}
