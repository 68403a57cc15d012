chmod 711 dir dir/sub
mkdir dir/sub/deep
