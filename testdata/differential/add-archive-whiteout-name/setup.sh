text .wh.x
archive wh.tar .wh.x
rm .wh.x
