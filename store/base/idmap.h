/* Which ids the user namespace of this process has. */
#ifndef STORE_BASE_IDMAP_H
#define STORE_BASE_IDMAP_H

#include <stdbool.h>

/* Can `uid` be an owner here? */
bool idmap_has_uid(unsigned uid);

/* Is there no id but one, which nothing can be given away from? */
bool idmap_is_single(void);

#endif
