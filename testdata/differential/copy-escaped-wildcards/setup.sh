text 'a*1'
text ab1
text '[x]1'
