rm -r a.txt b.txt dir link arch.tar arch.tar.gz one.gz
for f in a/temp.txt a/b/temp temp tempa x.go a/b/x.go keep.go README.md other.md \
    sub/dir/file sub/dir/keep back/file spaced '#hash' q/dir/deep/one q/dir/deep/two; do
    text "$f"
done
cat >.dockerignore <<'END'
# a comment
Dockerfile
*/temp*
temp?
**/*.go
!keep.go
*.md
!README.md
/sub/dir/
!sub/dir/keep
  spaced  
./back/../back/file

q/**
!q/**/two
END
