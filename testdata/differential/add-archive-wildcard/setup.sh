text second
archive z.tar second
