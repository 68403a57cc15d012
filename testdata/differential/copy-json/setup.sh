text 'a b'
text q
text "'q'"
