text tree/one
ln tree/one tree/two
mkdir tree/sub
ln tree/one tree/sub/three
