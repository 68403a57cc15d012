text 'odd/with space'
text 'odd/back\slash'
text 'odd/new
line'
text odd/-dash
text 'odd/[bracket]'
text 'odd/$dollar'
text 'odd/quo"te'
text "odd/ünï"
text 'odd/...'
text 'odd/~'
text "odd/$(printf '%0200d' 0)"
