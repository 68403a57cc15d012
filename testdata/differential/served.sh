# What the cases can fetch: files from @FILES@, the repository @GIT@/r.git. Read by
# sh -eu in a folder that is served; the same commits on every machine.

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='981173106 +0000'
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org GIT_COMMITTER_DATE='981173106 +0000'
umask 022

echo text >file
mkdir packed
echo inside >packed/inside
tar --format=gnu --sort=name --mtime=@946684800 --owner=11 --group=12 --numeric-owner \
    -cf pack.tar -C packed inside
rm -r packed
touch -d @981173106 file pack.tar

git init -q -b main work
cd work
mkdir -p sub/dir
echo top >file
echo below >sub/dir/below
printf '#!/bin/sh\n' >run
chmod 755 run
ln -s sub/dir link
git add -A
git commit -qm first
git tag v1
echo changed >file
git commit -qam second
cd ..
git clone -q --bare work r.git
git -C r.git config uploadpack.allowAnySHA1InWant true
rm -rf work
