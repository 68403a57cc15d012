# The files that every case finds in its context; a case's own setup.sh adds to
# them. Both are read by sh -eu in the context folder. Times are set afterwards.

text() { # PATH [TEXT]
    case $1 in
    */*) mkdir -p "${1%/*}" ;;
    esac
    printf '%s\n' "${2-$1}" >"$1"
}

# A tar that is the same on every machine: archive FILE [OPTION..] NAME..
archive() {
    file=$1
    shift
    tar --format=gnu --sort=name --mtime=@946684800 --owner=11 --group=12 --numeric-owner \
        -cf "$file" "$@"
}

umask 022
text a.txt
text b.txt
text dir/x
text dir/sub/y
ln -s dir link

mkdir packed
text packed/inside
text packed/deep/er
chmod 750 packed/deep
archive arch.tar -C packed inside deep
gzip -nk arch.tar
rm -r packed

# Four bytes, compressed but no archive.
printf '\037\213\010\000\000\000\000\000\000\003\053\316\310\057\000\000\000\000\000\000\000' >one.gz
