/* What the files that read a mount share. */
#ifndef PARSER_MOUNT_INTERNAL_H
#define PARSER_MOUNT_INTERNAL_H

#include "parser/mount.h"

/* The mount while its fields are read; what is given decides at the end. */
struct mount_reading {
	struct mount_spec spec;
	char escape;
	const struct expand_env *env; /* NULL: a check ahead of time */
	bool type_deferred;
	bool readonly_given;
	unsigned given; /* bit per key of mount_field.c */
	struct error *err;
};

/* Keep a copy of `value` in place of what `*slot` holds. */
int mount_set_text(struct mount_reading *r, char **slot, const char *value);

/* mount_field.c: take a field as it stands between commas. */
int mount_field_read(struct mount_reading *r, const char *field);

/* Was the key that goes by this name given, under whichever name? */
bool mount_field_given(const struct mount_reading *r, const char *name);

/* Refuse the first key given that the mount's type does not take. */
int mount_fields_judge(struct mount_reading *r);

#endif
