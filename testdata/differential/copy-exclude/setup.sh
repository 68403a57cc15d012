for f in top.1 top.2 sub/in.1 sub/in.2 sub/deep/er.1 sub/deep/er.2; do text tree/$f; done
