"""Run a command on a terminal of its own and play a user.

terminal.py COMMAND.. with lines "expect TEXT", "send TEXT", "size ROWS COLS",
"kill SIGNAL" on stdin. Prints all output, then the exit status, and whether the terminal is as
it was.
"""
import fcntl, os, pty, select, signal, struct, sys, termios, time

def main():
    script = [l.rstrip("\n").split(" ", 1) for l in sys.stdin]
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(slave)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(slave, fd)
        os.closerange(3, 256)
        os.execvp(sys.argv[1], sys.argv[1:])
    seen = b""
    mark = 0

    def read(timeout):
        nonlocal seen
        if select.select([master], [], [], timeout)[0]:
            data = os.read(master, 65536)
            seen += data
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    for verb, text in script:
        if verb == "expect":
            until = time.monotonic() + 60
            while seen.find(text.encode(), mark) < 0:
                if time.monotonic() > until:
                    print("\nnever seen: " + text)
                    os.kill(pid, signal.SIGKILL)
                    sys.exit(1)
                read(1)
            mark = seen.find(text.encode(), mark) + len(text)
        elif verb == "send":
            os.write(master, text.encode().decode("unicode_escape").encode())
        elif verb == "size":
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *map(int, text.split()), 0, 0))
        elif verb == "kill":
            os.kill(pid, getattr(signal, text))
    until = time.monotonic() + 60
    status = None
    while status is None and time.monotonic() < until:
        read(0.1)
        done, code = os.waitpid(pid, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
    for _ in range(50):
        if termios.tcgetattr(slave) == before:
            break
        time.sleep(0.1)
    read(0.1)
    print("\nended with", status)
    print("terminal", "restored" if termios.tcgetattr(slave) == before else "LEFT RAW")

main()
