text "odd/$(printf 'a\377b')"
