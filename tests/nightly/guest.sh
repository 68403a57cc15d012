#!/bin/bash
# guest.sh WORK SCRIPT: boot a kernel of its own and run SCRIPT there as root.
#
# For what this machine's kernel is set up differently for. The kernel is
# Debian's for cloud machines, taken from the mirror and kept in
# $SHALE_TEST_CACHE; the guest has busybox, $SHALE with its libraries, a user
# "shale-test" with subordinate ids, and room in /data. Only cgroup v2 is
# mounted. What SCRIPT prints goes to stdout. Exit status 77: cannot be tried
# here, with the reason on stderr.
set -euo pipefail

work=$1 script=$2
cache=${SHALE_TEST_CACHE:-/var/tmp/shale-test-cache-$(id -u)}/guest-kernel
root=$work/root
seconds=${SHALE_GUEST_TIMEOUT:-600}

cannot() {
    echo "$1" >&2
    exit 77
}

[ "$(uname -m)" = x86_64 ] || cannot "the guest's kernel is for x86_64"
[ "$(id -u)" = 0 ] || cannot "only root can make the guest's disk"
command -v qemu-system-x86_64 >/dev/null || cannot "qemu-system-x86_64 is not installed"

# The kernel's package, unpacked once.
kernel_get() {
    local name
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    [ ! -e "$cache/done" ] || return 0
    name=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" && !n++ { print $2 }')
    [ -n "$name" ] || cannot "the package mirror has no linux-image-cloud-amd64"
    (cd "$cache" && apt-get download -q "$name" >&2) || cannot "$name cannot be downloaded"
    dpkg-deb -x "$cache/$name"_*.deb "$cache/tree"
    rm "$cache/$name"_*.deb
    version=${name#linux-image-}
    [ -d "$cache/tree/lib/modules/$version" ]
    busybox depmod -b "$cache/tree" "$version"
    echo "$version" >"$cache/done"
}

# The libraries that a program or library is linked to.
add_libraries() { # PATH
    local library
    for library in $(ldd "$1" | grep -o '/[^ ]*'); do
        [ -e "$root$library" ] || install -D -m 755 "$library" "$root$library"
    done
}

add_program() { # PATH NAME [MODE]
    install -D -m "${3:-755}" "$1" "$root/bin/$2"
    add_libraries "$1"
}

# One that is loaded by name, from where the machine's linker finds it.
add_loaded() { # NAME
    local path
    path=$(ldconfig -p | awk -v "name=$1" '$1 == name { print $NF; exit }')
    install -D -m 755 "$path" "$root$path"
    add_libraries "$path"
}

# Modules with what they need, in the order to load them.
add_modules() { # TO NAME..
    local to=$1 name file dir=$cache/tree/lib/modules/$version
    shift
    for name; do
        awk -F '[: ]+' -v "end=/$name.ko:" 'index($0, end) { for (i = NF; i > 0; i--) if ($i) print $i }' "$dir/modules.dep"
    done | awk '!seen[$0]++' | while read -r file; do
        cp "$dir/$file" "$to/"
        basename "$file" >>"$to/order"
    done
}

make_root() {
    local name
    mkdir -p "$root"/{bin,etc,dev,proc,sys,tmp,data}
    chmod 1777 "$root/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for name in $(busybox --list); do
        [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
    done
    add_program "$SHALE" shale
    add_loaded libarchive.so.13
    add_program "$(command -v newuidmap)" newuidmap 4755
    add_program "$(command -v newgidmap)" newgidmap 4755
    printf 'root:x:0:0:root:/:/bin/sh\nshale-test:x:1000:1000::/data/user:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\nshale-test:x:1000:\n' >"$root/etc/group"
    echo shale-test:100000:65536 | tee "$root/etc/subuid" >"$root/etc/subgid"
    echo "passwd: files" >"$root/etc/nsswitch.conf"
    cp "$script" "$root/script"
    cat >"$root/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin HOME=/ TERM=dumb
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
echo "=== begin"
sh /script
echo "=== end"
poweroff -f
INIT
    chmod 755 "$root/init"
}

# The kernel's first files lie in memory and cannot be left, which is not what
# machines are like: they only lead to the disk.
make_initrd() {
    local first=$work/first
    mkdir -p "$first"/{bin,disk,dev,modules}
    cp "$root/bin/busybox" "$first/bin/busybox"
    add_modules "$first/modules" virtio_pci virtio_blk overlay
    cat >"$first/init" <<'INIT'
#!/bin/busybox sh
for module in $(/bin/busybox cat /modules/order); do /bin/busybox insmod "/modules/$module"; done
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t ext4 /dev/vda /disk
exec /bin/busybox switch_root /disk /init
INIT
    chmod 755 "$first/init"
    (cd "$first" && find . -print0 | busybox cpio -0 -o -H newc -R 0:0 2>/dev/null) | gzip -1 >"$work/initrd"
}

boot() {
    truncate -s 1G "$work/disk"
    mkfs.ext4 -q -F -d "$root" "$work/disk"
    # The processor is emulated: many machines that run tests are guests themselves.
    timeout -k 5 "$seconds" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1500 -nodefaults -no-reboot \
        -display none -serial stdio -kernel "$cache/tree/boot/vmlinuz-$version" -initrd "$work/initrd" \
        -drive "file=$work/disk,if=virtio,format=raw,cache=unsafe" \
        -append "console=ttyS0 quiet panic=-1 cgroup_no_v1=all" </dev/null 2>"$work/qemu.err" |
        tr -d '\r' >"$work/serial" || true
    rm -f "$work/initrd" "$work/disk"
    grep -q '^=== end' "$work/serial" || {
        tail -n 40 "$work/serial" "$work/qemu.err" >&2
        return 1
    }
    sed -n '/^=== begin/,/^=== end/p' "$work/serial" | sed '1d;$d'
}

kernel_get
version=$(cat "$cache/done")
make_root
make_initrd
boot
