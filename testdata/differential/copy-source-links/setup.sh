ln -s a.txt to-file
ln -s /a.txt rooted
ln -s ../../../b.txt up
ln -s link chain
ln -s dir/sub to-dir
